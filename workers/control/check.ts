/** `GET /v1/check`: is everything in place that traffic needs? Each check stands alone, so one fault shows as one. */
import type { Check, CheckResponse, EdgeStatus, Pointer } from "../../mesh/api.ts";
import { holds } from "../../mesh/bypass.ts";
import { muster } from "../../mesh/fleet.ts";
import { parsePointer } from "../../mesh/pointer.ts";
import { POINTER_KEY } from "../../mesh/snapshot.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { config, type Env, fleet } from "./env.ts";
import { meshInForce } from "./mesh.ts";
import { noQuery, queryOf } from "./request.ts";
import { signed, signerOf } from "./signing.ts";
import { publishedAt } from "./snapshot.ts";

/** 128 bits in hexadecimal. */
const GOOD_TOKEN_LENGTH = 32;

const NOTHING: { readonly resources: readonly Resource[] } = { resources: [] };
type TrafficSpec = { readonly bypass?: { readonly until: string } };
type Verdict = Pick<Check, "error" | "hint"> & { readonly result?: "warning" | "error" };
const FINE: Verdict = {};
const MEND = "control mends this within a minute; `selvedge check` again, or POST /v1/publish";

export async function check(request: Request, env: Env): Promise<Response> {
  queryOf(request, noQuery);
  const head = attempt(() => config(env).head());
  const edges = attempt(() => fleet(env).edges());
  const checks = await Promise.all([
    verify("control", "the token is long enough", async () => token(env.CONTROL_TOKEN ?? "")),
    verify("control", "snapshots are signed", async () => signing(env)),
    verify("control", "the Config object answers", async () => applied(await head())),
    verify("snapshot", "the pointer in KV names the epoch in force", async () => pointer(env, await head())),
    verify("snapshot", "the snapshot in KV has the right hash", async () => snapshot(env, await head())),
    verify("edges", "edges have reported in within the last minute", async () => reported(await edges())),
    verify("edges", "every edge takes signed snapshots alone", async () => verifying(await edges())),
    verify("edges", "every edge runs the epoch in force", async () => synced(await edges(), await head())),
    verify("services", "no service is bypassed", async () => bypassed(env, await head())),
    verify("edges", "no edge refuses the epoch in force", async () => accepted(await edges(), await head())),
  ]);
  return Response.json({ checks } satisfies CheckResponse);
}

async function verify(category: string, description: string, look: () => Promise<Verdict>): Promise<Check> {
  try {
    return { category, description, result: "success", ...(await look()) };
  } catch (error) {
    return { category, description, result: "error", error: (error as Error).message };
  }
}

function token(secret: string): Verdict {
  if (secret.length >= GOOD_TOKEN_LENGTH) return FINE;
  return {
    result: "warning",
    error: `CONTROL_TOKEN has fewer than ${GOOD_TOKEN_LENGTH} characters`,
    hint: "openssl rand -hex 32 | wrangler secret put CONTROL_TOKEN -e control",
  };
}

async function signing(env: Env): Promise<Verdict> {
  if (await signerOf(env)) return FINE;
  return {
    result: "warning",
    error: "control has no SNAPSHOT_KEY: whoever can write to KV can put a configuration in force",
    hint: 'docs/operating.md, "Signed snapshots"',
  };
}

function verifying(edges: readonly EdgeStatus[]): Verdict {
  const trusting = edges.filter(({ verifies }) => verifies !== true);
  if (trusting.length === 0) return FINE;
  const error = [...new Set(trusting.map(({ name }) => name))].map((name) => `${name} has no SNAPSHOT_KEYS`).join("; ");
  return { result: "warning", error, hint: 'docs/operating.md, "Signed snapshots"' };
}

const applied = ({ epoch }: Pointer): Verdict =>
  epoch > 0 ? FINE : { result: "warning", error: "nothing has been applied yet", hint: "selvedge apply -f <file>" };

async function pointer(env: Env, head: Pointer): Promise<Verdict> {
  const stored = await env.SNAPSHOTS.get(POINTER_KEY);
  if (head.epoch === 0 && stored === null) return FINE;
  const named = parsePointer(stored);
  const { signature } = await signed(env, head);
  const isHead = named?.epoch === head.epoch && named.hash === head.hash;
  if (isHead && named.signature === signature) return FINE;
  const found = isHead
    ? `its signature is ${signature === undefined ? "by a key that control has not got" : "not control's"}`
    : named
      ? `it names epoch ${named.epoch}`
      : stored === null
        ? "it is missing"
        : "it cannot be read";
  return { result: "error", error: `${found}; epoch ${head.epoch} is in force`, hint: MEND };
}

async function snapshot(env: Env, head: Pointer): Promise<Verdict> {
  if (head.epoch === 0 || (await publishedAt(env, head)) !== undefined) return FINE;
  return { result: "error", error: `the snapshot of epoch ${head.epoch} is missing or corrupt`, hint: MEND };
}

const reported = (edges: readonly EdgeStatus[]): Verdict =>
  edges.length > 0
    ? FINE
    : { result: "warning", error: "none has", hint: "edges report in while they have traffic: send a request" };

function synced(edges: readonly EdgeStatus[], head: Pointer): Verdict {
  const { stale } = muster(edges, head);
  if (stale.length === 0) return FINE;
  const error = stale.map(({ name, id, epoch }) => `${name} ${id} runs epoch ${epoch}`).join("; ");
  return { result: "warning", error, hint: "an edge takes an epoch when it next reports in: `selvedge proxy-status`" };
}

function accepted(edges: readonly EdgeStatus[], head: Pointer): Verdict {
  const { refused } = muster(edges, head);
  if (refused.length === 0) return FINE;
  const error = refused.map(({ name, id, nack }) => `${name} ${id}: ${nack?.reason ?? ""}`).join("; ");
  return {
    result: "error",
    error,
    hint: "these edges serve their last good epoch: `selvedge rollback`, or deploy the edge",
  };
}

async function bypassed(env: Env, head: Pointer): Promise<Verdict> {
  const { resources } = head.epoch > 0 ? await meshInForce(env) : NOTHING;
  const now = Date.now();
  const found = resources.flatMap(({ kind, metadata, spec }) => {
    const until = kind === "TrafficPolicy" ? (spec as TrafficSpec).bypass?.until : undefined;
    return until !== undefined && holds({ until: Date.parse(until) }, now)
      ? `TrafficPolicy ${metadata.namespace}/${metadata.name} until ${until}`
      : [];
  });
  if (found.length === 0) return FINE;
  return {
    result: "warning",
    error: found.join("; "),
    hint: "selvedge bypass list; selvedge bypass end NAME.NAMESPACE",
  };
}

/** One call for all who ask; whoever asks meets its failure. */
function attempt<T>(call: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => (answer ??= call());
}
