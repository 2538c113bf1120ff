import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guessed, GUESSES_MS, type Guesses, MOST_GUESSES, MOST_SOURCES, waitOf } from "../../mesh/guesses.ts";

const after = (...tries: readonly (readonly [source: string, secret: string, at: number])[]): Guesses => {
  const guesses: Guesses = new Map();
  for (const one of tries) guessed(guesses, ...one);
  return guesses;
};
const ten = Array.from({ length: MOST_GUESSES }, (_, at): [string, string, number] => ["ann", `s${at}`, at]);

describe("a source", () => {
  it.each<[string, Guesses, number, number]>([
    ["that never failed is looked at", after(), 0, 0],
    ["is looked at after fewer wrong secrets than that", after(...ten.slice(1)), 10, 0],
    ["waits from the last of them until the first is a minute old", after(...ten), 10, GUESSES_MS - 10],
    ["is looked at again then", after(...ten), GUESSES_MS, 0],
    [
      "that sends the same wrong secret for ever is looked at",
      after(...ten.map(([a, , t]) => [a, "s", t] as const)),
      9,
      0,
    ],
    ["does not wait for another", after(...ten.map(([, s, t]) => ["ben", s, t] as const)), 10, 0],
    ["does not wait by a clock that was set back", after(...ten), -1, 0],
  ])("%s", (_, guesses, now, wait) => {
    expect(waitOf(guesses, "ann", now)).toBe(wait);
  });

  it("makes no more than so many new guesses in any minute, and waits a minute at most", () => {
    const step = fc.record({ afterMs: fc.nat({ max: 20_000 }), secret: fc.nat({ max: 40 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const guesses: Guesses = new Map();
        /** A look at a secret is a new guess if its last new one was a minute ago. */
        let news: { at: number; secret: number }[] = [];
        let now = 0;
        for (const { afterMs, secret } of steps) {
          now += afterMs;
          const wait = waitOf(guesses, "ann", now);
          expect(wait >= 0 && wait <= GUESSES_MS).toBe(true);
          if (wait > 0) continue;
          guessed(guesses, "ann", String(secret), now);
          news = news.filter(({ at }) => now - at < GUESSES_MS);
          if (!news.some((one) => one.secret === secret)) news.push({ at: now, secret });
          expect(news.length).toBeLessThanOrEqual(MOST_GUESSES);
        }
      }),
    );
  });
});

it("no more sources are remembered than that; the one that guessed least recently goes first", () => {
  const guesses = after(...ten);
  for (let other = 1; other < MOST_SOURCES; other++) guessed(guesses, `other ${other}`, "s", 20);
  expect([guesses.size, waitOf(guesses, "ann", 30)]).toEqual([MOST_SOURCES, GUESSES_MS - 30]);
  guessed(guesses, "ann", "once more", 30);
  guessed(guesses, "one more", "s", 40);
  expect([guesses.size, guesses.has("ann"), guesses.has("other 1")]).toEqual([MOST_SOURCES, true, false]);
});
