/**
 * Keeps the calls that the fleet has with a backend at once within a limit. Permits come leased from the limit's object,
 * several at a time; a call waits for the object only when this isolate has none left, and never for long. A call has its
 * permit until the response's body has ended, or the caller has left it.
 */
import {
  askPermits,
  beginCall,
  beginShared,
  endCall,
  giveBackAfterMs,
  giveUpPermits,
  hasSpare,
  isAskingPermits,
  isObjectAway,
  isPermitsLow,
  miss,
  newPermitHolder,
  type PermitHolder,
  receivePermits,
} from "../../../mesh/policies/concurrency-holder.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { remember, STATE_TIMEOUT_MS } from "../memory.ts";
import { passedOn } from "../passage.ts";
import { within } from "../within.ts";
import { deadline } from "./deadline.ts";

type ConcurrencyLayer = Extract<Policy, { kind: "concurrency" }>;

/** How often a request that waits for another's message looks for what it brought; promises are not shared. */
const LOOK_EVERY_MS = 10;
const RETURN_TRIES = 4;
/** Calls end at any time: that there was no permit says little of when there is one. */
const RETRY_AFTER_MS = 1000;

export const concurrency: MakeLayer<"concurrency"> = (policy) => {
  const bounded = deadline({ ms: policy.longestCallMs });
  return (next) => {
    const send = bounded(next);
    return (call) => {
      const holder = holderOf(call, policy);
      const { memory, now } = call.outside;
      const number = ++memory.seq;
      if (call.step) Object.assign(call.step.facts, { permits: holder.permits, underWay: holder.calls.size });
      // Nearly every call finds a permit in this isolate, and then nothing here waits.
      return beginCall(holder, number, policy.longestCallMs, now())
        ? underPermit(send, call, holder, number, policy)
        : afterWaiting(send, call, holder, number, policy);
    };
  };
};

async function afterWaiting(send: Handler, call: Call, holder: PermitHolder, number: number, policy: ConcurrencyLayer) {
  const admitted = await admit(call, holder, number, policy);
  return admitted ? underPermit(send, call, holder, number, policy) : send(call);
}

/** Waits for the object if need be. False when the policy lets the call pass uncounted; throws Denied when there is no permit. */
async function admit(call: Call, holder: PermitHolder, number: number, policy: ConcurrencyLayer): Promise<boolean> {
  const { later, now } = call.outside;
  const started = now();
  miss(holder);
  for (;;) {
    const at = now();
    if (beginCall(holder, number, policy.longestCallMs, at)) return true;
    if (isObjectAway(holder, at) || at - started >= STATE_TIMEOUT_MS) {
      if (at >= holder.askAt && !isAskingPermits(holder, at)) later(exchange(call, holder, policy));
      return standIn(call, holder, number, policy);
    }
    if (isAskingPermits(holder, at)) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    else if (at < holder.askAt) throw new Denied({ cause: "concurrency-limit", retryAfterMs: RETRY_AFTER_MS });
    else await exchange(call, holder, policy);
  }
}

/** What the policy says to do while the object cannot be asked. */
function standIn(call: Call, holder: PermitHolder, number: number, policy: ConcurrencyLayer): boolean {
  call.standIn = "concurrency";
  switch (policy.onUnavailable) {
    case "allow":
      return false;
    case "deny":
      throw new Denied({ cause: "concurrency-unavailable", retryAfterMs: RETRY_AFTER_MS });
    case "share":
      if (beginShared(holder, number, policy, call.outside.now())) return true;
      throw new Denied({ cause: "concurrency-limit", retryAfterMs: RETRY_AFTER_MS });
  }
}

/** Sends a call that has begun, and ends it when its response's body has ended; after `longestCallMs` at the latest. */
async function underPermit(
  send: Handler,
  call: Call,
  holder: PermitHolder,
  number: number,
  policy: ConcurrencyLayer,
): Promise<Response> {
  const { later, now } = call.outside;
  const end = now() + policy.longestCallMs;
  if (isPermitsLow(holder, policy.longestCallMs, now())) later(exchange(call, holder, policy));
  const over = (): void => {
    endCall(holder, number, now());
    const waitMs = giveBackAfterMs(holder, now());
    if (waitMs !== undefined) later(giveBack(call, holder, policy, waitMs));
  };
  let response: Response;
  try {
    const sending = send(call);
    // A caller that leaves would end this in the middle, and the permit would be missing until its time is over.
    later(sending.catch(() => {}));
    response = await sending;
  } catch (error) {
    over();
    throw error;
  }
  if (response.body === null) {
    over();
    return response;
  }
  const reader = response.body.getReader();
  // Settled by the body's end, by its breaking off, and by a caller that leaves it.
  later(reader.closed.then(over, over));
  return passedOn(response, reader, () => within(reader.read(), Math.max(0, end - now())));
}

function holderOf({ outside: { memory, now } }: Call, { name }: ConcurrencyLayer): PermitHolder {
  const known = memory.permits.get(name);
  return known ?? remember(memory.permits, name, newPermitHolder(`${memory.id}.${++memory.seq}`, now()));
}

/** One message to the object. Never fails: no reply in time is an answer as well. */
async function exchange(call: Call, holder: PermitHolder, policy: ConcurrencyLayer): Promise<void> {
  const { concurrency: object, heard, now, random } = call.outside;
  const { limit, longestCallMs } = policy;
  const at = now();
  const message = askPermits(holder, at, STATE_TIMEOUT_MS);
  const asking = async () =>
    object(policy.name).lend({ ...message, epoch: call.pinned.epoch, limit: { limit, longestCallMs } });
  const reply = await within(asking(), STATE_TIMEOUT_MS).catch(() => undefined);
  if (reply) heard(reply.epoch);
  if (reply) receivePermits(holder, message.seq, reply, at, now());
  else giveUpPermits(holder, message.seq, now(), random());
}

/** What is not in use after `waitMs` goes back, so that it need not lapse. */
async function giveBack(call: Call, holder: PermitHolder, policy: ConcurrencyLayer, waitMs: number): Promise<void> {
  const { now } = call.outside;
  holder.returningUntil = now() + waitMs + STATE_TIMEOUT_MS;
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  holder.returningUntil = 0;
  // What is let go and never arrives would be missing until the lease ends.
  for (let tries = 0; tries < RETURN_TRIES; tries++) {
    if (!hasSpare(holder, now()) && holder.failures === 0) return;
    if (!isAskingPermits(holder, now())) await exchange(call, holder, policy);
    else await new Promise((resolve) => setTimeout(resolve, STATE_TIMEOUT_MS));
  }
}
