/**
 * Executes a request that carries an Idempotency-Key once, and answers it the same however often it comes. The key's object is
 * asked before the request goes on, and has the response before the caller has it. docs/idempotency.md says what callers see.
 */
import type { BegunReply, BeginRequest } from "../../../durable-objects/idempotency.ts";
import type { Denial } from "../../../mesh/denial.ts";
import { MESH_HEADERS } from "../../../mesh/headers.ts";
import { hexOf } from "../../../mesh/hex.ts";
import { type Idempotency, keyIn, type Settled, shardOf, type Stored } from "../../../mesh/policies/idempotency.ts";
import { type Failure, failureOf } from "../../../mesh/policies/retry.ts";
import { keptHeaders } from "../kept-headers.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { readUpTo } from "../read-up-to.ts";
import { TimeUp, within } from "../within.ts";

/** For one message to the object, in milliseconds. Waking it takes longer than asking it: patience here saves a refusal. */
const MESSAGE_MS = 1000;
/** A message that begins may be sent so often, and one that settles: each says the same however often it arrives. */
const BEGIN_TRIES = 2;
const SETTLE_TRIES = 3;
const RETRY_AFTER_MS = 1000;

export const idempotency: MakeLayer<"idempotency"> = (policy) => {
  const methods = new Set(policy.methods);
  return (next) => (call) => {
    if (!methods.has(call.request.method)) return next(call);
    const value = call.request.headers.get(policy.header);
    if (value === null) return policy.required ? refused({ cause: "idempotency-key-missing" }) : next(call);
    const key = keyIn(value);
    if (key === undefined) return refused({ cause: "idempotency-key-invalid" });
    const answered = once(next, call, policy, key);
    // A caller that leaves takes its request's work along; what began must still be settled.
    call.outside.later(answered.catch(() => {}));
    return answered;
  };
};

const refused = (denial: Denial): Promise<never> => Promise.reject(new Denied(denial));

async function once(next: Handler, call: Call, policy: Idempotency, key: string): Promise<Response> {
  const { memory } = call.outside;
  const { method } = call.request;
  const fingerprint = await fingerprintOf(call, policy.maxRequestBytes);
  const id = await digest(encoder.encode(JSON.stringify([policy.scope, callerOf(call, policy), key])));
  const running: Running = {
    policy,
    shard: `${policy.policy}/${shardOf(id, policy.shards)}of${policy.shards}`,
    id: hexOf(id),
    owner: `${memory.id}.${++memory.seq}`,
  };
  const reply = await beginning(call, running, fingerprint);
  if (call.step) call.step.facts.key = reply?.kind ?? "object away";
  call.covered = policy.repeatable;
  // A key promises more than a method does: of a PUT, too, there is one execution.
  if (!policy.repeatable && method !== "POST" && method !== "PATCH") call.once = true;
  if (!reply) {
    if (policy.onUnavailable === "deny")
      throw new Denied({ cause: "idempotency-unavailable", retryAfterMs: RETRY_AFTER_MS });
    call.standIn = "idempotency";
    return next(call);
  }
  switch (reply.kind) {
    case "run":
      if (call.signal?.aborted) {
        await settle(call, running, { kind: "released" });
        throw new Denied({ cause: "deadline-exceeded" });
      }
      call.headers.set(MESH_HEADERS.attempt, String(reply.attempt));
      return execute(next, call, running);
    case "in-flight":
      throw new Denied({ cause: "idempotency-in-flight", retryAfterMs: reply.retryAfterMs });
    case "mismatch":
      throw new Denied({ cause: "idempotency-mismatch" });
    case "unknown":
      throw new Denied({ cause: "idempotency-outcome-unknown" });
    case "done":
      return replay(reply);
  }
}

type Running = {
  readonly policy: Idempotency;
  /** Names the object. */
  readonly shard: string;
  readonly id: string;
  readonly owner: string;
};

/** Undefined when the object does not answer. It may have begun the execution all the same, so that this takes it back. */
async function beginning(call: Call, running: Running, fingerprint: string): Promise<BegunReply | undefined> {
  const { policy, shard, id, owner } = running;
  const { heard, idempotency: object, later } = call.outside;
  const { executionMs, retentionMs, repeatable } = policy;
  const message: BeginRequest = {
    id,
    owner,
    fingerprint,
    executionMs,
    retentionMs,
    repeatable,
    epoch: call.pinned.epoch,
  };
  for (let tries = 0; tries < BEGIN_TRIES; tries++) {
    const asking = async () => object(shard).begin(message);
    const reply = await within(asking(), MESSAGE_MS).catch(() => undefined);
    if (!reply) continue;
    heard(reply.epoch);
    return reply;
  }
  later(settle(call, running, { kind: "released" }));
  return undefined;
}

async function execute(next: Handler, call: Call, running: Running): Promise<Response> {
  const { policy } = running;
  const expiry = new AbortController();
  // The deadline above answers the caller in time. Cutting an execution off there would only make its outcome unknown.
  call.signal = expiry.signal;
  call.deadline = call.outside.now() + policy.executionMs;
  let held: Held;
  try {
    held = await within(answerOf(next, call, policy.maxResponseBytes), policy.executionMs);
  } catch (error) {
    const timeUp = error instanceof TimeUp;
    if (timeUp) expiry.abort();
    await settle(call, running, { kind: timeUp || call.progress.sent ? "unknown" : "released" });
    throw timeUp ? new Denied({ cause: "deadline-exceeded" }) : error;
  }
  const { response, body } = held;
  const settled = await settle(call, running, outcomeOf(held, call, policy), body);
  // The upstream has done its work. The caller has the answer now, or never: the key's outcome will count as unknown.
  if (!settled) call.standIn = "idempotency";
  if (!response) throw new Denied({ cause: "upstream-unreachable" });
  return response;
}

function outcomeOf({ kept, failure, response }: Held, call: Call, { unprocessed, repeatable }: Idempotency): Settled {
  const undone = failure === "never-sent" || failure === "refused" || unprocessed.includes(kept.status);
  // Where tries may repeat one that was carried out, the last says nothing of the others.
  if (undone) return { kind: call.attempts === 1 || !repeatable ? "released" : "unknown" };
  // The platform's answer in the upstream's place; or one whose words can be had again.
  if (failure === "reset" || failure === "timeout" || (!response && repeatable)) return { kind: "unknown" };
  return { kind: "done", stored: kept };
}

/** False when the object has not answered: the key will then count as running until its time is up, and as unknown after. */
async function settle(call: Call, running: Running, settled: Settled, body?: Uint8Array): Promise<boolean> {
  const { policy, shard, id, owner } = running;
  const message = { id, owner, settled, retentionMs: policy.retentionMs, ...(body && { body }) };
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    const telling = async () => {
      await call.outside.idempotency(shard).settle(message);
      return true;
    };
    if (await within(telling(), MESSAGE_MS).catch(() => false)) return true;
  }
  return false;
}

/** The response to give, or undefined if its body broke off, and what of it is kept. */
type Held = {
  readonly response: Response | undefined;
  readonly failure: Failure | undefined;
  readonly kept: Stored;
  readonly body?: Uint8Array;
};

/** The upstream's response, read whole if it is one that can be kept. */
async function answerOf(next: Handler, call: Call, maxBytes: number): Promise<Held> {
  const response = await next(call);
  const { status } = response;
  const failure = failureOf({ status, header: (name) => response.headers.get(name) });
  const headers = keptHeaders(response.headers);
  const length = Number(response.headers.get("content-length") ?? 0);
  const endless = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (!headers || endless || length > maxBytes) return { response, failure, kept: { status } };
  if (!response.body) return { response, failure, kept: { status, headers } };
  let read;
  try {
    read = await readUpTo(response.body, maxBytes);
  } catch {
    // It has carried the request out and said how that went; only its words are lost.
    return { response: undefined, failure, kept: { status } };
  }
  const whole = read.rest === undefined;
  const answer = new Response(whole ? read.bytes : read.rest, response);
  answer.headers.delete("content-length");
  return {
    response: answer,
    failure,
    kept: whole ? { status, headers } : { status },
    ...(whole && { body: read.bytes }),
  };
}

function replay({ stored, body }: Extract<BegunReply, { kind: "done" }>): Response {
  const { status, headers } = stored;
  if (!headers) throw new Denied({ cause: "idempotency-not-replayable", answered: status });
  const replayed = new Response(body && body.length > 0 ? body : null, {
    status,
    headers: headers.map(({ name, value }) => [name, value]),
  });
  replayed.headers.set("idempotent-replayed", "true");
  return replayed;
}

/**
 * SHA-256 of method, path with query, content type and body. A body that is larger than `maxBytes` cannot be read before it is
 * sent: its Content-Digest (RFC 9530) stands in for it, by the caller's word, which binds nobody but the caller.
 */
async function fingerprintOf(call: Call, maxBytes: number): Promise<string> {
  const { method, headers } = call.request;
  const known = headers.get("content-length");
  const contentDigest = headers.get("content-digest");
  let body = "";
  if (call.body instanceof ReadableStream) {
    if (contentDigest !== null && (known === null || Number(known) > maxBytes)) body = contentDigest;
    else {
      if (Number(known ?? 0) > maxBytes) throw new Denied({ cause: "idempotency-body-too-large" });
      const bytes = await bodyOf(call, call.body, maxBytes);
      call.body = bytes.buffer as ArrayBuffer;
      body = hexOf(await digest(bytes));
    }
  }
  const parts = [method, call.path + call.search, headers.get("content-type") ?? "", body];
  return hexOf(await digest(encoder.encode(JSON.stringify(parts))));
}

async function bodyOf({ broken }: Call, body: ReadableStream, maxBytes: number): Promise<Uint8Array> {
  let read;
  try {
    read = await readUpTo(body, maxBytes);
  } catch {
    throw broken?.aborted ? broken.reason : new Denied({ cause: "request-broken" });
  }
  if (!read.rest) return read.bytes;
  await read.rest.cancel();
  throw new Denied({ cause: "idempotency-body-too-large" });
}

/** Who calls, as far as the mesh has verified it: a token that is renewed names the same caller. Else whoever has these headers. */
const callerOf = ({ request, identity, claims }: Call, { caller }: Idempotency): readonly unknown[] =>
  identity || claims?.["sub"] !== undefined
    ? ["verified", identity?.spiffe, claims?.["iss"], claims?.["sub"]]
    : ["claimed", ...caller.map((name) => request.headers.get(name))];

const encoder = new TextEncoder();

const digest = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
