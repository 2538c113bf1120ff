/**
 * Sends a request that takes longer than most a second time, and takes the first good answer; the other copy is aborted. Only what may be
 * carried out twice is sent twice, and only while the tree of calls has a try left for it.
 */
import { answered, arrived, newPace, takeCopy } from "../../../mesh/policies/hedge.ts";
import { isIdempotent } from "../../../mesh/policies/retry.ts";
import { TREE_RETRIES } from "../../../mesh/policies/retry-tree.ts";
import type { Call, Handler, MakeLayer } from "../layer.ts";
import { remember } from "../memory.ts";
import { OUTRUN } from "../outcome.ts";
import { claimOf, countTry, passOn } from "../retry-claim.ts";

export const hedge: MakeLayer<"hedge"> = (policy) => (next) => async (call) => {
  const { memory, now } = call.outside;
  const pace = memory.paces.get(policy.scope) ?? remember(memory.paces, policy.scope, newPace());
  arrived(pace, policy);
  countTry(call);
  const began = now();
  const left = mayCopy(call) ? (call.passedOn ?? (await claimOf(call)) ?? TREE_RETRIES) : 0;
  const { delayMs } = pace;
  if (call.step) Object.assign(call.step.facts, { copies: left, delayMs: delayMs ?? null });
  if (left === 0 || delayMs === undefined) {
    const response = await next(call);
    answered(pace, policy, now() - began);
    return response;
  }
  // The copy takes one of the tries that were to be passed on.
  await passOn(call, left - 1);
  const response = await race(next, call, delayMs, (delays) => takeCopy(pace, delays));
  answered(pace, policy, now() - began);
  return response;
};

/** A body that streams cannot be sent by two; a breaker's probe is one call. */
const mayCopy = (call: Call): boolean =>
  (call.covered || isIdempotent(call.request.method)) &&
  !call.once &&
  !(call.body instanceof ReadableStream) &&
  !call.headers.has("upgrade");

type Runner = { readonly call: Call; readonly stop: AbortController };
type Result = { readonly by: Runner } & ({ readonly response: Response } | { readonly error: unknown });

async function race(next: Handler, call: Call, delayMs: number, take: (delays: number) => boolean): Promise<Response> {
  const { place } = call;
  const runners: Runner[] = [];
  let running = 0;
  let over = false;
  const settled = Promise.withResolvers<Result>();
  let firstFailure: Result | undefined;

  const run = (one: Call): void => {
    const stop = new AbortController();
    const runner: Runner = {
      call: { ...one, signal: call.signal ? AbortSignal.any([call.signal, stop.signal]) : stop.signal },
      stop,
    };
    runners.push(runner);
    running++;
    const ended = (result: Result, good: boolean): void => {
      running--;
      if (over) {
        if ("response" in result) void result.response.body?.cancel().catch(() => {});
        return;
      }
      if (!good) firstFailure ??= result;
      if (!good && running > 0) return;
      over = true;
      settled.resolve(good ? result : firstFailure!);
    };
    next(runner.call).then(
      (response) => ended({ response, by: runner }, response.status < 500),
      (error: unknown) => ended({ error, by: runner }, false),
    );
  };

  run(call);
  let delays = 0;
  const late = (): void => {
    if (over) return;
    if (!take(++delays)) {
      // Who came a little late first has spent the budget on little. Who still waits when there is leave again gains the most by a copy.
      timer = setTimeout(late, delayMs);
      return;
    }
    call.attempts++;
    call.hedges++;
    const copy: Call = { ...runners[0]!.call, headers: new Headers(call.headers), place, attempts: call.attempts };
    countTry(copy);
    // What the copy sets off further down is not copied once more.
    void passOn(copy, 0).then(() => over || run(copy));
  };
  let timer = setTimeout(late, delayMs);
  try {
    const result = await settled.promise;
    for (const runner of runners) if (runner !== result.by) runner.stop.abort(OUTRUN);
    call.place = result.by.call.place;
    if ("error" in result) throw result.error;
    return result.response;
  } finally {
    over = true;
    clearTimeout(timer);
  }
}
