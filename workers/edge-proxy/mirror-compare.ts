/** Compares what a mirror answered with what the caller got, beside the caller's answer, which it neither delays nor changes. */
import type { CollectorObject } from "../../durable-objects/index.ts";
import { compared, type Heard, type MirrorCompare } from "../../mesh/policies/mirror-compare.ts";
import { added, type MirrorTally, tallyKey } from "../../mesh/telemetry/mirror-tally.ts";
import type { Call, Handler } from "./layer.ts";
import { remember } from "./memory.ts";
import { readUpTo } from "./read-up-to.ts";
import { within } from "./within.ts";

/** A policy's comparison, and the mirror's backend by name. */
type Comparing = { readonly compare: MirrorCompare; readonly mirror: string };

/** An isolate tells its collector no more often. */
const REPORT_EVERY_MS = 1000;
const REPORT_LIMIT_MS = 2000;
/** For the primary's body, after its headers: what takes longer is not compared. */
const BODY_MS = 10_000;
/** Of rules and mirrors, in one isolate. */
const MOST_TALLIES = 100;

/** `copy` sends the copy, and reads its answer. */
export async function compareLater(
  next: Handler,
  call: Call,
  comparing: Comparing,
  copy: (read: (response: Response) => Promise<Heard>) => Promise<Heard>,
): Promise<Response> {
  const { compare } = comparing;
  const { method } = call.request;
  const { path } = call;
  const own = Promise.withResolvers<Heard | undefined>();
  const theirs = copy((response) => heard(response, response.body, compare.maxBytes)).catch(() => undefined);
  call.outside.later(judged(call, { ...comparing, method, path }, own.promise, theirs));
  try {
    const response = await next(call);
    const passed = overhear(response, compare);
    own.resolve(passed.heard);
    return passed.response;
  } catch (error) {
    own.resolve(undefined);
    throw error;
  }
}

/** The response to pass on, and what is heard of it on its way; a body that is not compared is left alone. */
function overhear(
  response: Response,
  compare: MirrorCompare,
): { readonly response: Response; readonly heard: Promise<Heard | undefined> } {
  const { body } = response;
  const unread = Number(response.headers.get("content-length") ?? 0) > compare.maxBytes;
  if (!body || !isJson(response) || unread)
    return { response, heard: heard(response, body && isJson(response) ? "unread" : null, compare.maxBytes) };
  const [passed, copy] = body.tee();
  return {
    response: new Response(passed, response),
    heard: within(heard(response, copy, compare.maxBytes), BODY_MS).catch(() => undefined),
  };
}

const isJson = ({ headers }: Response): boolean =>
  /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(headers.get("content-type") ?? "");

async function heard(response: Response, body: ReadableStream | null | "unread", maxBytes: number): Promise<Heard> {
  const { status, headers } = response;
  const header = (name: string) => headers.get(name);
  if (body === "unread") return { status, header, body: { kind: "unread" } };
  if (body && isJson(response)) return { status, header, body: await jsonOf(body, maxBytes) };
  await body?.cancel();
  return { status, header, body: { kind: "other" } };
}

async function jsonOf(body: ReadableStream, maxBytes: number): Promise<Heard["body"]> {
  try {
    const { bytes, rest } = await readUpTo(body, maxBytes);
    if (!rest) return { kind: "json", value: JSON.parse(new TextDecoder().decode(bytes)) as unknown };
    await rest.cancel();
  } catch {
    // It broke off, or is not what it says.
  }
  return { kind: "unread" };
}

type Case = Comparing & { readonly method: string; readonly path: string };

/** Never fails. */
async function judged(
  call: Call,
  { compare, mirror, method, path }: Case,
  own: Promise<Heard | undefined>,
  theirs: Promise<Heard | undefined>,
): Promise<void> {
  const [primary, other] = await Promise.all([own, theirs]);
  const at = call.outside.now();
  const result = primary && other ? compared(compare, primary, other) : undefined;
  const differences = result?.differences ?? [];
  const isSame = result !== undefined && differences.length === 0;
  await count(call, {
    rule: compare.rule,
    mirror,
    at,
    same: Number(isSame),
    different: Number(differences.length > 0),
    failed: Number(other === undefined),
    uncompared: Number(other !== undefined && result?.whole !== true),
    samples: differences.length > 0 ? [{ at, method, path, differences }] : [],
  });
}

/** Adds it up in the isolate; whoever comes first waits a while, and tells the collector of all that came together. */
async function count({ outside }: Call, tally: MirrorTally): Promise<void> {
  const { collector, memory, now } = outside;
  const { mirrors } = memory;
  const known = mirrors.tallies.get(tallyKey(tally));
  remember(mirrors.tallies, tallyKey(tally), known ? added(known, tally) : tally, MOST_TALLIES);
  if (now() < mirrors.reporterUntil) return;
  mirrors.reporterUntil = now() + REPORT_EVERY_MS + REPORT_LIMIT_MS;
  await new Promise((resolve) => setTimeout(resolve, REPORT_EVERY_MS));
  const message = [...mirrors.tallies.values()];
  mirrors.tallies.clear();
  mirrors.reporterUntil = 0;
  // One that is lost is not sent again: it may have been counted.
  await within(tell(collector, message), REPORT_LIMIT_MS).catch(() => {});
}

const tell = async (collector: () => Pick<CollectorObject, "mirrored">, message: MirrorTally[]): Promise<void> =>
  collector().mirrored(message);
