/**
 * Leaves a failing backend alone. While the circuit is closed nothing is asked of anyone: calls are counted here, failures
 * are reported to the fleet's circuit on the side, and enough of them trip this isolate at once. Once the circuit has been
 * open for its time, one request in hand asks the fleet's circuit for leave to try. Each reply of the fleet's circuit also says whether
 * calls are worth a retry.
 */
import type { Outcome } from "../../../mesh/outcome.ts";
import { admits, closed, held, probe, report, settle, trip, waitMs } from "../../../mesh/policies/breaker.ts";
import { HELLO_EVERY_MS } from "../../../mesh/policies/fleet-circuit.ts";
import { LONGEST_HOLD_MS, retryAfterMs } from "../../../mesh/policies/retry.ts";
import { endpointCircuit, thresholdsOf } from "../../../mesh/circuits.ts";
import { addressOf, type Backend, type Policy } from "../../../mesh/snapshot.ts";
import type { BreakerReply, BreakerReport } from "../../../durable-objects/breaker.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { outcomeOf } from "../outcome.ts";
import { type Circuit, type Forced, type Memory, remember, STATE_TIMEOUT_MS } from "../memory.ts";
import { within } from "../within.ts";

/** What names a circuit and says when it opens, whatever follows from that. */
type CircuitPolicy = Extract<Policy, { kind: "breaker" | "fault-budget" }>;

/** So many failures in a row trip an isolate whatever the policy says: it need not wait for the fleet to agree. */
const CONSECUTIVE = 5;
/** A failing isolate reports no more often. */
const REPORT_EVERY_MS = 1000;
/** A probe that has no response by then has failed, so that its permit is never out for longer. */
const PROBE_MS = 30_000;

/** Answers whose Retry-After asks to be left alone; elsewhere it says other things (RFC 9110 §10.2.3). */
const HOLDS: ReadonlySet<number> = new Set([429, 503]);

/** A call that was refused while the circuit ramps up may well pass when it comes again. */
const RAMP_RETRY_MS = 1000;

export const breaker: MakeLayer<"breaker"> = (policy) => (next) => async (call) => {
  const { memory, now, random } = call.outside;
  const forced = forcedOf(memory, policy.circuit, now());
  if (call.step) call.step.facts.circuit = { name: policy.circuit, state: stateOf(call, policy, forced) };
  if (forced?.to === "open") throw new Denied({ cause: "breaker-open", retryAfterMs: forced.until - now() });
  if (forced) return next(call);
  const circuit = circuitOf(call, policy);
  if (circuit.view.kind !== "closed") {
    const permit = await permitFor(call, circuit, policy);
    if (permit !== undefined) return sendProbe(next, call, circuit, policy, permit);
  }
  const began = now();
  if (!admits(circuit.view, policy, began, random()))
    throw new Denied({ cause: "breaker-open", retryAfterMs: RAMP_RETRY_MS });
  if (began < circuit.onceUntil) call.once = true;
  let outcome: Outcome = "ignored";
  try {
    const response = await next(call);
    outcome = outcomeOf(call, response.status);
    if (HOLDS.has(response.status)) hold(circuit, response, now());
    return response;
  } catch (error) {
    outcome = outcomeOf(call, error);
    throw error;
  } finally {
    count(call, circuit, policy, outcome, began);
  }
};

const stateOf = (call: Call, policy: CircuitPolicy, forced: Forced | undefined): string =>
  forced ? `held ${forced.to}` : circuitOf(call, policy).view.kind;

/** The same for each endpoint by itself, beneath the draw of one: an open circuit refuses, and another is drawn. */
export const endpointBreaker =
  (backends: readonly Backend[]): MakeLayer<"endpoint-breaker"> =>
  (policy) => {
    const { endpoints } = backends[policy.backend]!; // decode proved the index
    return (next) => {
      const each = endpoints.map((endpoint) => {
        const circuit = endpointCircuit(policy.circuit, addressOf(endpoint));
        return breaker({ ...policy, kind: "breaker", circuit })(next);
      });
      return (call) => each[call.place.endpoint!]!(call); // drawn by the layer above
    };
  };

/** What an operator says of a circuit goes before what it says itself. */
export function forcedOf({ forced }: Memory, circuit: string, now: number): Forced | undefined {
  if (forced.size === 0) return undefined;
  const found = forced.get(circuit);
  return found && now < found.until ? found : undefined;
}

export function circuitOf({ outside: { memory } }: Call, { circuit }: CircuitPolicy): Circuit {
  return (
    memory.circuits.get(circuit) ??
    remember(memory.circuits, circuit, {
      view: closed(0),
      own: false,
      consecutive: 0,
      version: 0,
      unreported: NONE,
      reportAt: 0,
      helloAt: 0,
      onceUntil: 0,
      untoldHold: 0,
      reporterUntil: 0,
    })
  );
}

const NONE = { ok: 0, failed: 0, slow: 0, since: 0, oldest: Infinity };

const counts = (outcome: Outcome) => ({ ok: Number(outcome === "ok"), failed: Number(outcome === "failed") });

export function count(call: Call, circuit: Circuit, policy: CircuitPolicy, outcome: Outcome, began: number): void {
  const { memory, now: clock } = call.outside;
  const { view, unreported } = circuit;
  // A call that began before the circuit last closed says nothing of the backend since.
  if (outcome === "ignored" || view.kind !== "closed" || began < view.since) return;
  const now = clock();
  const { ok, failed } = counts(outcome);
  const slow = Number(ok > 0 && isSlow(policy, now - began));
  circuit.consecutive = failed > 0 ? circuit.consecutive + 1 : 0;
  const counted = report(view, { ok, failed, slow, ageMs: 0, source: memory.id, seq: ++memory.seq }, policy, now);
  circuit.view = circuit.consecutive >= CONSECUTIVE ? trip(counted, policy, now) : counted;
  const tripped = circuit.view.kind === "open";
  if (tripped) {
    circuit.own = true;
    circuit.consecutive = 0;
  }
  const fresh = now - unreported.since < policy.windowMs && unreported.oldest >= view.since;
  const before = fresh ? unreported : { ...NONE, since: now };
  circuit.unreported = {
    ok: before.ok + ok,
    failed: before.failed + failed,
    slow: before.slow + slow,
    since: before.since,
    oldest: Math.min(before.oldest, began),
  };
  // What trips an isolate is what the fleet should hear of now. Whoever still waits to report finds nothing left.
  if (tripped || circuit.untoldHold > 0) sendReport(call, circuit, policy, now, 0);
  else if (now < circuit.reporterUntil) return;
  else if (circuit.unreported.failed + circuit.unreported.slow > 0)
    sendReport(call, circuit, policy, now, Math.max(0, circuit.reportAt - now));
  // The fleet knows by it that others fail alone, and this isolate what others found.
  else if (now >= circuit.helloAt) sendReport(call, circuit, policy, now, 0);
}

/** Notes a Retry-After: no isolate is to retry before. One that says hardly more than what is known is not worth a report. */
function hold(circuit: Circuit, { headers }: Response, now: number): void {
  const ms = Math.min(retryAfterMs(headers.get("retry-after"), now) ?? 0, LONGEST_HOLD_MS);
  if (now + ms <= circuit.onceUntil + REPORT_EVERY_MS) return;
  circuit.onceUntil = circuit.untoldHold = now + ms;
}

/** After `waitMs`; what is counted until then goes with it. */
function sendReport(call: Call, circuit: Circuit, policy: CircuitPolicy, now: number, waitMs: number): void {
  const { later, memory, now: clock, random } = call.outside;
  circuit.reporterUntil = now + waitMs + STATE_TIMEOUT_MS;
  const send = async (): Promise<void> => {
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const at = clock();
    const { ok, failed, slow, oldest } = circuit.unreported;
    const holdMs = circuit.untoldHold - at;
    circuit.unreported = NONE;
    circuit.untoldHold = 0;
    // The first failure is told at once, whatever success was told of before.
    if (failed + slow > 0) circuit.reportAt = at + REPORT_EVERY_MS;
    // Isolates that began together need not go on together.
    circuit.helloAt = at + HELLO_EVERY_MS * (0.8 + 0.2 * random());
    circuit.reporterUntil = 0;
    if (ok + failed === 0) return;
    const message = { seq: ++memory.seq, ok, failed, slow, ageMs: at - oldest, ...openBy(circuit, policy, at) };
    // A report that is lost is not sent again: it may have been counted.
    const reply = await tell(call, policy, holdMs > 0 ? { ...message, holdMs } : message);
    if (reply) adopt(circuit, reply, clock());
  };
  later(send());
}

/** That this isolate has opened by itself, for how long it will be silent. */
const openBy = ({ own, view }: Circuit, policy: CircuitPolicy, now: number): Pick<BreakerReport, "openMs"> =>
  own && view.kind !== "closed" ? { openMs: waitMs(view, policy, now) } : {};

/**
 * Leave to send this call though the circuit is not closed: the permit under which it goes, or undefined if the circuit
 * turns out to be closed. Throws Denied otherwise. An isolate's own machine grants first, so that not all its requests
 * ask; its permit suffices when the fleet's circuit cannot be asked.
 */
async function permitFor(call: Call, circuit: Circuit, policy: CircuitPolicy): Promise<string | undefined> {
  const { breaker: object, heard, memory, now } = call.outside;
  const permit = `${memory.id}.${++memory.seq}`;
  const own = probe(circuit.view, permit, PROBE_MS, policy, now());
  circuit.view = own.state;
  if (!own.granted) throw denied(circuit, policy, now());
  const asking = async () =>
    object(policy.circuit).probe({ permit, ttlMs: PROBE_MS, epoch: call.pinned.epoch, policy: thresholdsOf(policy) });
  const reply = await within(asking(), STATE_TIMEOUT_MS).catch(() => undefined);
  if (!reply) {
    call.standIn = "breaker";
    return permit;
  }
  heard(reply.epoch);
  if (reply.granted) {
    circuit.version = Math.max(circuit.version, reply.version);
    return permit;
  }
  adopt(circuit, reply, now());
  if (circuit.view.kind === "closed") return undefined;
  // The fleet's circuit is closed, and it is this isolate alone that fails: its own permit is the one that counts.
  if (reply.kind === "closed") return permit;
  circuit.view = settle(circuit.view, permit, "ignored", policy, now());
  throw denied(circuit, policy, now());
}

const denied = ({ view }: Circuit, policy: CircuitPolicy, now: number): Denied =>
  new Denied({ cause: "breaker-open", retryAfterMs: waitMs(view, policy, now) });

async function sendProbe(
  next: Handler,
  call: Call,
  circuit: Circuit,
  policy: CircuitPolicy,
  permit: string,
): Promise<Response> {
  const { later, now } = call.outside;
  const expiry = new AbortController();
  const timer = setTimeout(() => expiry.abort(), PROBE_MS);
  call.signal = call.signal ? AbortSignal.any([call.signal, expiry.signal]) : expiry.signal;
  // As many calls as the policy has probes, and not as many again as a retry has tries.
  call.once = true;
  const began = now();
  let outcome: Outcome = "ignored";
  try {
    const response = await next(call);
    outcome = outcomeOf(call, response.status);
    // A slow answer is what opened the circuit, or would open it again.
    if (outcome === "ok" && isSlow(policy, now() - began)) outcome = "failed";
    return response;
  } catch (error) {
    outcome = outcomeOf(call, error);
    throw expiry.signal.aborted ? new Denied({ cause: "deadline-exceeded" }) : error;
  } finally {
    clearTimeout(timer);
    circuit.view = settle(circuit.view, permit, outcome, policy, now());
    circuit.own = circuit.view.kind !== "closed";
    later(bringBack(call, circuit, policy, { permit, outcome }, began));
  }
}

/** Before each time that it is said that a probe is over, in milliseconds: the object may be moving, or an old instance stands in its way. */
const BRING_BACK_MS = [0, 0, 250, 500, 1000, 2000, 4000, 8000];

/** Again and again if need be: a permit that does not come back keeps the whole fleet waiting for it to lapse. */
async function bringBack(
  call: Call,
  circuit: Circuit,
  policy: CircuitPolicy,
  settled: NonNullable<BreakerReport["settled"]>,
  began: number,
): Promise<void> {
  const { memory, now } = call.outside;
  // One number for all of them: what is heard twice counts once.
  const seq = ++memory.seq;
  for (const waitMs of BRING_BACK_MS) {
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const at = now();
    const age = { ageMs: at - began, ...openBy(circuit, policy, at) };
    const reply = await tell(call, policy, { seq, ...counts(settled.outcome), settled, ...age });
    if (reply) return adopt(circuit, reply, now());
  }
}

/** One report and its reply; undefined when the object fails or is late. */
async function tell(
  { outside, pinned }: Call,
  policy: CircuitPolicy,
  message: Omit<BreakerReport, "isolate" | "epoch" | "policy">,
): Promise<BreakerReply | undefined> {
  const telling = async () =>
    outside
      .breaker(policy.circuit)
      .report({ ...message, isolate: outside.memory.id, epoch: pinned.epoch, policy: thresholdsOf(policy) });
  const reply = await within(telling(), STATE_TIMEOUT_MS).catch(() => undefined);
  if (reply) outside.heard(reply.epoch);
  return reply;
}

/** Takes the fleet's word, unless a newer one was heard. That the fleet is well does not undo what this isolate saw. */
function adopt(circuit: Circuit, reply: BreakerReply, now: number): void {
  if (reply.onceMs !== undefined) circuit.onceUntil = Math.max(circuit.onceUntil, now + reply.onceMs);
  if (reply.version < circuit.version) return;
  circuit.version = reply.version;
  if (reply.kind === "closed") {
    if (circuit.view.kind !== "closed" && !circuit.own)
      circuit.view = closed(now - (reply.closedMs ?? 0), [], reply.trips);
    return;
  }
  circuit.view = held(circuit.view, reply, now);
  circuit.own = false;
  circuit.consecutive = 0;
}

const isSlow = ({ slow }: CircuitPolicy, tookMs: number): boolean => slow !== undefined && tookMs >= slow.ms;
