import { type Call, Denied, type Handler, type Layer } from "../layer.ts";
import { CALLERS_TIME_IS_UP } from "../outcome.ts";

/**
 * The response's headers must be there in time. The body may take as long as it likes: the timer ends with the headers,
 * since an abort would cut the body too. The layer answers on time itself, whatever those below it wait for.
 */
export const deadline =
  ({ ms }: { readonly ms: number }): Layer =>
  (next) =>
  (call) =>
    bounded(next, call, ms, undefined);

/** The time that the caller gave, in its headers. Work that nobody waits for any more is not begun. */
export const callersDeadline =
  (ms: number): Layer =>
  (next) =>
  (call) =>
    ms < 1 ? Promise.reject(new Denied({ cause: "deadline-exceeded" })) : bounded(next, call, ms, CALLERS_TIME_IS_UP);

function bounded(next: Handler, call: Call, ms: number, reason: Error | undefined): Promise<Response> {
  const at = call.outside.now() + ms;
  // Another that is nearer answers anyway.
  if (call.deadline !== undefined && call.deadline <= at) return next(call);
  call.deadline = at;
  call.deadlineIsCallers = reason === CALLERS_TIME_IS_UP;
  const controller = new AbortController();
  const outer = call.signal;
  call.signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
  // One promise that whoever is first settles: what comes second, the echo of the abort above all, is heard by nobody.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Denied({ cause: "deadline-exceeded" }));
      controller.abort(reason);
    }, ms);
    next(call)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}
