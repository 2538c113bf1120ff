import { Denied, type Layer } from "../layer.ts";

/**
 * The response's headers must be there in time. The body may take as long as it likes: the timer ends with the headers,
 * since an abort would cut the body too. The layer answers on time itself, whatever those below it wait for.
 */
export const deadline =
  ({ ms }: { readonly ms: number }): Layer =>
  (next) =>
  (call) => {
    const controller = new AbortController();
    const outer = call.signal;
    call.signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
    // One promise that whoever is first settles: what comes second, the echo of the abort above all, is heard by nobody.
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Denied({ cause: "deadline-exceeded" }));
        controller.abort();
      }, ms);
      next(call)
        .finally(() => clearTimeout(timer))
        .then(resolve, reject);
    });
  };
