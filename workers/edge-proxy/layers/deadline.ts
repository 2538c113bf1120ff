import { Denied, type MakeLayer } from "../layer.ts";

/**
 * The response's headers must be there in time. The body may take as long as it likes: the timer ends with the headers,
 * since an abort would cut the body too. The layer answers on time itself, whatever those below it wait for.
 */
export const deadline: MakeLayer<"deadline"> =
  ({ ms }) =>
  (next) =>
  async (call) => {
    const controller = new AbortController();
    const outer = call.signal;
    call.signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
    let timer: number | null = null;
    const expiry = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Denied({ cause: "deadline-exceeded" }));
        controller.abort();
      }, ms);
    });
    const response = next(call);
    // When the time is up, the abort makes this reject as well, with nobody left to hear it.
    response.catch(() => {});
    try {
      return await Promise.race([response, expiry]);
    } finally {
      clearTimeout(timer);
    }
  };
