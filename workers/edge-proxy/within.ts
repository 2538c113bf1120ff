/** Rejected by `within` when the time is up first. */
export class TimeUp extends Error {}

/**
 * `work`, or a `TimeUp` after `ms`. Every wait on a store or an object goes through here with a timer of its own request:
 * such a call can hang for as long as its callee does. The work itself goes on, and its late failure is nobody's.
 */
export function within<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TimeUp(`no answer within ${ms} ms`)), ms);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
    };
    work.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error as Error)),
    );
  });
}
