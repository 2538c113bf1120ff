/**
 * Slows down whoever tries secrets: after so many different wrong ones in a minute, those of one source are looked at no more. A wrong
 * secret that comes again is no new guess, or a forgotten client with an expired token would shut out all who share its address.
 */

/** By source: the digests of its wrong secrets, and when each came first, in milliseconds. Plain data that one isolate keeps. */
export type Guesses = Map<string, Map<string, number>>;

/** So many different secrets are looked at in a minute. */
export const MOST_GUESSES = 10;
export const GUESSES_MS = 60_000;
/** Sources that are remembered; of more, those that guessed least recently are forgotten. */
export const MOST_SOURCES = 1000;

/** In how many milliseconds the next secret of a source is looked at: 0 to `GUESSES_MS`. */
export function waitOf(guesses: Guesses, source: string, now: number): number {
  const tried = guesses.get(source);
  if (!tried) return 0;
  for (const [secret, at] of tried) if (now - at >= GUESSES_MS || at > now) tried.delete(secret);
  if (tried.size < MOST_GUESSES) return 0;
  const [first = now] = tried.values();
  return first + GUESSES_MS - now;
}

/** A source sent a wrong secret; `digest` tells it from others. */
export function guessed(guesses: Guesses, source: string, digest: string, now: number): void {
  const tried = guesses.get(source) ?? new Map<string, number>();
  if (!tried.has(digest)) tried.set(digest, now);
  guesses.delete(source);
  guesses.set(source, tried);
  if (guesses.size > MOST_SOURCES) for (const oldest of guesses.keys()) return void guesses.delete(oldest);
}
