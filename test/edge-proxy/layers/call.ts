import { received } from "../../../mesh/telemetry/trace.ts";
import type { Call, Outside } from "../../../workers/edge-proxy/layer.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";

/** A call whose outside is as given; whatever else is touched throws. Work for later is started, and kept in `later`. */
export function callWith(
  outside: Partial<Outside>,
  {
    memory = newMemory("i1"),
    request = new Request("http://shop.example/"),
    client = "192.0.2.1",
  }: Partial<Setting> = {},
): Call & { readonly laterWork: Promise<unknown>[]; readonly heard: number[] } {
  const laterWork: Promise<unknown>[] = [];
  const heard: number[] = [];
  const untouched = (): never => {
    throw new Error("not to be touched");
  };
  return {
    request,
    body: request.body,
    headers: new Headers(),
    path: "/",
    search: "",
    host: "shop.example",
    prefix: undefined,
    folder: "",
    place: {},
    backend: "",
    tried: [],
    signal: undefined,
    broken: undefined,
    deadline: undefined,
    deadlineIsCallers: false,
    client,
    scheme: "http",
    port: 80,
    identity: undefined,
    chain: [],
    claims: undefined,
    signed: false,
    standIn: undefined,
    wouldDeny: false,
    stoodIn: undefined,
    bypassed: false,
    onAnswer: undefined,
    progress: { sent: false },
    covered: false,
    once: false,
    faulty: false,
    unmirrored: [],
    passedOn: undefined,
    attempts: 1,
    hedges: 0,
    trace: received(
      () => null,
      undefined,
      (bytes) => "1".repeat(2 * bytes),
    ),
    recording: undefined,
    span: "",
    step: undefined,
    pinned: { epoch: 3, hash: "h" },
    laterWork,
    heard,
    outside: {
      now: Date.now,
      random: () => 1,
      counts: true,
      analytics: undefined,
      exportsSpans: false,
      newId: (bytes) => "1".repeat(2 * bytes),
      fetch: untouched,
      binding: untouched,
      allowReserved: true,
      hostPreserving: untouched,
      breaker: untouched,
      rateLimit: untouched,
      concurrency: untouched,
      isCrowded: () => false,
      meshKey: "",
      idempotency: untouched,
      answers: { get: untouched, put: untouched, forget: untouched },
      collector: untouched,
      health: untouched,
      zone: "",
      edgeKey: untouched,
      debugKeys: untouched,
      log: untouched,
      later: (work) => void laterWork.push(work),
      memory,
      heard: (epoch) => void heard.push(epoch),
      ...outside,
    },
  };
}

type Setting = { readonly memory: Memory; readonly request: Request; readonly client: string };
