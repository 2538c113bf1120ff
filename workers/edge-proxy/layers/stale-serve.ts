/**
 * Gives an answer that was kept when the upstream fails, or is too slow to wait for; and sends one of several requests for the same that
 * come while it does. Every GET asks the upstream first: an upstream that answers is never stood in for, and what is kept delays no answer.
 */
import { type BareItem, serializeList, Token } from "structured-headers";
import { answer, type Denial } from "../../../mesh/denial.ts";
import {
  boarding,
  FAILING_MS,
  type Flight,
  land,
  type Landed,
  pauseBefore,
  takeOff,
} from "../../../mesh/policies/flight.ts";
import {
  type Asked,
  isFailure,
  isSafe,
  mayShare,
  patience,
  requestKey,
  type StaleServe,
} from "../../../mesh/policies/stale-serve.ts";
import { find, type Found, forget, foundOnShelf, keep, onShelf } from "../kept-answers.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { remember } from "../memory.ts";
import { CALLERS_TIME_IS_UP } from "../outcome.ts";
import { within } from "../within.ts";

/** One request for what others may ask for too. */
type Errand = {
  readonly next: Handler;
  readonly call: Call;
  readonly policy: StaleServe;
  /** Names what is asked for. */
  readonly key: string;
  readonly asked: Asked;
  /** Says to those who wait for it what became of it, if any do. */
  readonly landed: ((how: Landed) => void) | undefined;
};

export const staleServe: MakeLayer<"stale-serve"> = (policy) => (next) => (call) => {
  const { method, headers } = call.request;
  if (!isSafe(method)) return changing(next, call, policy);
  if (method !== "GET" || headers.has("range") || headers.has("upgrade")) return next(call);
  const errand = { next, call, policy, key: keyOf(call, policy), asked: askedOf(call, policy), landed: undefined };
  return collapses(errand) ? together(errand) : ask(errand);
};

const keyOf = ({ scheme, port, host, path, search }: Call, { scope }: StaleServe): string =>
  requestKey(scope, port, `${scheme}://${host}${path}${search}`);

const askedOf = ({ request: { headers }, identity, claims }: Call, { callerHeaders }: StaleServe): Asked => ({
  header: (name) => headers.get(name),
  known: identity !== undefined || claims !== undefined || callerHeaders.some((name) => headers.has(name)),
});

/** RFC 9111 §4.4: what is kept says how it was before. */
async function changing(next: Handler, call: Call, policy: StaleServe): Promise<Response> {
  const key = keyOf(call, policy);
  const response = await next(call);
  if (response.status < 400) forget(call, key);
  return response;
}

function collapses({ call, policy, key, asked }: Errand): boolean {
  if (policy.collapse === "never" || !mayShare(asked)) return false;
  const { memory, now } = call.outside;
  if (policy.collapse === "failing" && now() >= (memory.failing.get(policy.scope) ?? 0)) return false;
  // Whoever says who it is waits for an answer only where answers are known to be everyone's.
  return !asked.known || onShelf(call, key)?.open === true;
}

function together(errand: Errand): Promise<Response> {
  const { call, key } = errand;
  const { later, memory, now } = call.outside;
  const flying = memory.flights.get(key);
  switch (boarding(flying, now())) {
    case "alone":
      return ask(errand);
    case "follow":
      return follow(errand, flying!); // boarding saw it
    case "lead": {
      const flight = remember(memory.flights, key, takeOff(now()));
      const answered = ask({ ...errand, landed: (how) => land(flight, how, now()) });
      // A caller that leaves takes its request's work along, and others wait for this.
      later(answered.catch(() => {}));
      return answered;
    }
  }
}

async function follow(errand: Errand, flight: Flight): Promise<Response> {
  const { call, key, asked } = errand;
  const { now } = call.outside;
  const until = Math.min(
    flight.until,
    call.deadline === undefined ? Infinity : now() + patience(call.deadline - now()),
  );
  for (let looks = 1; !flight.landed && now() < until; looks++)
    await new Promise((resolve) => setTimeout(resolve, pauseBefore(looks)));
  const { landed } = flight;
  if (landed?.kind === "kept") {
    const found = foundOnShelf(call, key, asked);
    if (found) return collapsed(call, found);
  }
  const why = landed?.kind === "failed" ? landed.why : undefined;
  // What the mesh refused one, it refuses all; a service's error is for whom it was given to.
  if (typeof why === "object") return arrived(errand, { error: new Denied(why) });
  const found = landed && why === undefined ? undefined : await find(call, key, asked);
  return found ? stale(call, found, why ?? "deadline-exceeded") : ask(errand);
}

type Result = { readonly response: Response } | { readonly error: unknown };

async function ask(errand: Errand): Promise<Response> {
  const { next, call, key, asked, policy } = errand;
  const { later, memory, now } = call.outside;
  const { deadline, deadlineIsCallers } = call;
  const stop = new AbortController();
  if (deadline !== undefined) call.signal = call.signal ? AbortSignal.any([call.signal, stop.signal]) : stop.signal;
  const result = next(call).then(
    (response): Result => ({ response }),
    (error: unknown): Result => ({ error }),
  );
  if (deadline !== undefined && !(await comes(result, patience(deadline - now())))) {
    if (!deadlineIsCallers) remember(memory.failing, policy.scope, now() + FAILING_MS);
    const found = await find(call, key, asked);
    if (found) {
      const giveUp = () => stop.abort(deadlineIsCallers ? CALLERS_TIME_IS_UP : undefined);
      later(afterwards(errand, result, deadline - now(), giveUp));
      return stale(call, found, "deadline-exceeded");
    }
  }
  return arrived(errand, await result);
}

/** Whether it does so within `ms`; `result` never fails. */
const comes = (result: Promise<Result>, ms: number): Promise<boolean> =>
  within(result, ms).then(
    () => true,
    () => false,
  );

/** The upstream has the rest of its time: what it still says is kept for the next who asks. Never fails. */
async function afterwards(errand: Errand, result: Promise<Result>, leftMs: number, giveUp: () => void): Promise<void> {
  const timer = setTimeout(giveUp, leftMs);
  const last = await result;
  clearTimeout(timer);
  if ("error" in last || isFailure(last.response.status)) errand.landed?.({ kind: "failed" });
  const unread = "response" in last && !isFailure(last.response.status) ? keep(errand, last.response) : undefined;
  await unread?.body?.cancel().catch(() => {});
}

/** The upstream's own answer, or what stands in for a failure. */
async function arrived(errand: Errand, result: Result): Promise<Response> {
  const { call, key, asked, policy, landed } = errand;
  const failure = failureOf(result);
  if (!failure) {
    if ("response" in result) return keep(errand, result.response);
    landed?.({ kind: "failed" });
    throw result.error;
  }
  const { memory, now } = call.outside;
  remember(memory.failing, policy.scope, now() + FAILING_MS);
  landed?.({ kind: "failed", why: failure });
  const found = await find(call, key, asked);
  if ("error" in result) {
    if (!found) throw result.error;
  } else {
    if (!found) return result.response;
    await result.response.body?.cancel().catch(() => {});
  }
  return stale(call, found, typeof failure === "object" ? failure.cause : failure);
}

/** The upstream's status, or why the mesh has none; undefined for what is no failure of the upstream's. */
function failureOf(result: Result): number | Denial | undefined {
  if ("response" in result) return isFailure(result.response.status) ? result.response.status : undefined;
  const { error } = result;
  return error instanceof Denied && isFailure(answer(error.denial).status) ? error.denial : undefined;
}

/** `why`: the status that this stands in for, or a cause. */
function stale(call: Call, found: Found, why: number | Denial["cause"]): Response {
  const { ttl } = found.usable;
  const { sent } = call.progress;
  call.stoodIn = "stale";
  return again(found, [
    sent ? ["fwd", new Token(ttl < 0 ? "stale" : "bypass")] : ["hit", true],
    ["ttl", ttl],
    sent && typeof why === "number" ? ["fwd-status", why] : ["detail", String(why)],
  ]);
}

function collapsed(call: Call, found: Found): Response {
  call.stoodIn = "collapsed";
  return again(found, [
    ["fwd", new Token("miss")],
    ["collapsed", true],
  ]);
}

/** With `Age` (RFC 9111 §5.1), and what was done said in `Cache-Status` (RFC 9211). */
function again({ kept, usable: { age } }: Found, said: readonly (readonly [string, BareItem])[]): Response {
  const headers = new Headers(kept.headers.map(({ name, value }) => [name, value]));
  headers.set("age", String(age));
  headers.append("cache-status", serializeList([[new Token("selvedge"), new Map(said)]]));
  return new Response(kept.body.length > 0 ? kept.body : null, { status: kept.status, headers });
}
