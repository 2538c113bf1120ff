/**
 * Makes a try again that failed, when the policy wants it, the request bears it, and its budgets allow it: the attempts of this hop, what
 * the whole tree of calls has left, and what the backend can be asked to bear. The layers above see one call: its last try's
 * response or denial. Each try is drawn an endpoint of its own, and has a time of its own if the policy gives one.
 */
import {
  failureOf,
  isWorthATry,
  LONGEST_HOLD_MS,
  mayRepeat,
  retryAfterMs,
  type Tried,
  waitBefore,
} from "../../../mesh/policies/retry.ts";
import { earn, firstTokens, spend } from "../../../mesh/policies/retry-budget.ts";
import { share } from "../../../mesh/policies/retry-tree.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import { copyOfBody } from "../body.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { remember, type Retries } from "../memory.ts";
import { claimOf, countTry, passOn } from "../retry-claim.ts";

type RetryLayer = Extract<Policy, { kind: "retry" }>;

export const retry: MakeLayer<"retry"> = (policy) => (next) => async (call) => {
  const { now, random } = call.outside;
  const { own, passedOn } = share(await claimOf(call), policy.attempts);
  const copy = own > 0 && !call.once ? copyOfBody(call, policy.largestBody) : undefined;
  const retries = retriesOf(call, policy);
  // What a try leaves behind must not bind the next.
  const { signal, place, deadline } = call;
  await passOn(call, passedOn);
  if (call.step) Object.assign(call.step.facts, { own, budget: retries.held.tokens, heldUntil: retries.heldUntil });
  for (let made = 0; ; made++) {
    countTry(call);
    const tried = await attempt(next, call);
    const outcome = outcomeOf(tried);
    const failure = failureOf(outcome);
    if (failure === undefined || !isWorthATry(policy, outcome, failure)) {
      if (failure !== undefined) retries.held = earn(retries.held, policy.budget);
      return settled(tried, made);
    }
    const askedMs = hold(call, retries, outcome);
    const waitMs = waitBefore(policy.backoff, made, random(), askedMs);
    const may =
      copy !== undefined &&
      made < own &&
      !isOver(call, signal) &&
      mayRepeat(call.request.method, call.covered, failure);
    // What the backend told another call holds for this one too.
    const held =
      may && retries.heldUntil <= now() + waitMs && (askedMs ?? 0) <= policy.maxRetryAfterMs
        ? spend(retries.held, policy.budget, now())
        : undefined;
    if (!held) return settled(tried, made);
    if (waitMs >= timeLeft(call, deadline)) return await outOfTime(tried, made, askedMs);
    retries.held = held;
    if (tried instanceof Response) await tried.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    // The caller or the deadline above has answered meanwhile; nobody hears this.
    if (isOver(call, signal)) return settled(tried, made);
    call.signal = signal;
    call.place = place;
    call.deadline = deadline;
    if (call.body instanceof ReadableStream) call.body = await copy!(); // `may` says so
    if (made === 0) await passOn(call, 0);
    call.attempts++;
  }
};

function retriesOf({ outside: { memory, now } }: Call, { backend, budget }: RetryLayer): Retries {
  return (
    memory.retries.get(backend) ?? remember(memory.retries, backend, { held: firstTokens(budget, now()), heldUntil: 0 })
  );
}

async function attempt(next: Handler, call: Call): Promise<Response | Denied> {
  try {
    return await next(call);
  } catch (error) {
    if (error instanceof Denied) return error;
    throw error;
  }
}

const outcomeOf = (tried: Response | Denied): Tried =>
  tried instanceof Denied
    ? { denial: tried.denial }
    : { status: tried.status, header: (name) => tried.headers.get(name) };

/** A backend that names a time is left alone by all retries until then. Returns that time, in milliseconds from now. */
function hold({ outside: { now } }: Call, retries: Retries, outcome: Tried): number | undefined {
  const ms = "status" in outcome ? retryAfterMs(outcome.header("retry-after"), now()) : undefined;
  if (ms !== undefined) retries.heldUntil = Math.max(retries.heldUntil, now() + Math.min(ms, LONGEST_HOLD_MS));
  return ms;
}

const timeLeft = ({ outside }: Call, deadline: number | undefined): number =>
  deadline === undefined ? Infinity : deadline - outside.now();

/**
 * The deadline would end the wait: what it would answer then is answered now. A backend that asked for the wait, and one that was not
 * reached, say more by their own answer.
 */
async function outOfTime(tried: Response | Denied, made: number, askedMs: number | undefined): Promise<Response> {
  if (!(tried instanceof Response) || askedMs !== undefined) return settled(tried, made);
  await tried.body?.cancel();
  throw new Denied({ cause: "deadline-exceeded" });
}

const isOver = (call: Call, signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true || call.request.signal.aborted;

function settled(tried: Response | Denied, retries: number): Response {
  if (tried instanceof Response) return tried;
  const { cause } = tried.denial;
  const unreached = cause === "upstream-unreachable" || cause === "upstream-invalid";
  throw retries > 0 && unreached ? new Denied({ cause: "retries-exhausted" }) : tried;
}
