/** Rejected by `within` when the time is up first. */
export class TimeUp extends Error {}

/**
 * `work`, or a `TimeUp` after `ms`. Every wait on a store or an object goes through here with a timer of its own request:
 * such a call can hang for as long as its callee does. The work itself goes on, and its late failure is nobody's.
 */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: number | null = null;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeUp(`no answer within ${ms} ms`)), ms);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
