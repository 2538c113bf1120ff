import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Failure,
  failureOf,
  isWorthATry,
  mayRepeat,
  type Retry,
  retryAfterMs,
  type Tried,
  waitBefore,
} from "../../../mesh/policies/retry.ts";

const policy = (more: Partial<Retry> = {}): Retry => ({
  codes: [503],
  serverErrors: false,
  headers: [],
  failures: ["never-sent", "reset", "timeout"],
  attempts: 3,
  backoff: { baseMs: 25, maxMs: 250, least: false },
  maxRetryAfterMs: 5000,
  largestBody: 65_536,
  budget: { percent: 10, perSecond: 0 },
  ...more,
});
const answer = (status: number, headers: Record<string, string> = {}): Tried => ({
  status,
  header: (name) => headers[name] ?? null,
});
const CLOUDFLARE = { server: "cloudflare" };

describe("a try failed", () => {
  it.each<[string, Tried, Failure | undefined]>([
    ["by its status, if at all", answer(503), "status"],
    ["without being carried out, says the service", answer(425), "refused"],
    ["by going to the wrong server", answer(421), "refused"],
    ["without being sent, says the platform", answer(521, CLOUDFLARE), "never-sent"],
    ["at the TLS handshake, says the platform", answer(525, CLOUDFLARE), "never-sent"],
    ["in some way, says the platform", answer(520, CLOUDFLARE), "reset"],
    ["late, says the platform", answer(524, CLOUDFLARE), "timeout"],
    ["before or after it was sent, says the platform", answer(522, CLOUDFLARE), "timeout"],
    ["by a service's own status, whatever it means by it", answer(521), "status"],
    ["for want of a connection, or by one that broke", { denial: { cause: "upstream-unreachable" } }, "reset"],
    ["by an answer that was none", { denial: { cause: "upstream-invalid" } }, "reset"],
    ["by taking too long", { denial: { cause: "deadline-exceeded" } }, "timeout"],
    ["by no doing of the backend", { denial: { cause: "no-endpoint" } }, undefined],
  ])("%s", (_, tried, expected) => {
    expect(failureOf(tried)).toBe(expected);
  });
});

describe("another try is wanted", () => {
  it.each<[string, Partial<Retry>, Tried, boolean]>([
    ["after a status that is named", {}, answer(503), true],
    ["not after one that is not", {}, answer(502), false],
    ["not after a success", { serverErrors: true }, answer(200), false],
    ["after any 5xx", { serverErrors: true }, answer(599), true],
    ["not after a 4xx that is not named", { serverErrors: true }, answer(409), false],
    ["after a header that is there", { headers: [{ name: "x-again" }] }, answer(200, { "x-again": "" }), true],
    [
      "after a header's value",
      { headers: [{ name: "grpc-status", value: "14" }] },
      answer(200, { "grpc-status": "14" }),
      true,
    ],
    [
      "not after another value",
      { headers: [{ name: "grpc-status", value: "14" }] },
      answer(200, { "grpc-status": "0" }),
      false,
    ],
    ["after a failure that is named", {}, { denial: { cause: "upstream-unreachable" } }, true],
    ["not after one that is not", { failures: ["never-sent"] }, { denial: { cause: "upstream-unreachable" } }, false],
    ["after a code that the platform uses too", { failures: [], codes: [521] }, answer(521, CLOUDFLARE), true],
    [
      "not after a refusal of the mesh's own",
      {},
      { denial: { cause: "rate-limited", retryAfterMs: 1, violated: "steady" } },
      false,
    ],
  ])("%s", (_, more, tried, expected) => {
    expect(isWorthATry(policy(more), tried, failureOf(tried))).toBe(expected);
  });
});

describe("a request may be sent again", () => {
  const failures: Failure[] = ["never-sent", "refused", "reset", "timeout", "status"];
  it.each<[string, boolean, Failure[]]>([
    ["GET", false, failures],
    ["HEAD", false, failures],
    ["OPTIONS", false, failures],
    ["PUT", false, failures],
    ["DELETE", false, failures],
    ["POST", false, ["never-sent", "refused"]],
    ["PATCH", false, ["never-sent", "refused"]],
    ["POST", true, failures],
  ])("%s, under a key: %s", (method, covered, expected) => {
    expect(failures.filter((failure) => mayRepeat(method, covered, failure))).toEqual(expected);
  });
});

describe("the wait", () => {
  const jittered = { baseMs: 25, maxMs: 250, least: false };
  const least = { baseMs: 300, maxMs: 3000, least: true };
  it.each([
    [jittered, 0, 0.5, undefined, 12.5],
    [jittered, 2, 0.5, undefined, 50],
    [jittered, 9, 0.5, undefined, 125],
    [jittered, 9000, 0.5, undefined, 125],
    [jittered, 0, 0.5, 1000, 1250],
    [least, 0, 0, undefined, 300],
    [least, 1, 0, undefined, 600],
    [least, 1, 0.5, undefined, 750],
    [least, 9, 0, undefined, 3000],
    [least, 0, 0, 200, 300],
  ])(
    "with %j, after %i retries, at the draw %d, asked for %s ms, is %d ms",
    (backoff, retries, random, asked, expected) => {
      expect(waitBefore(backoff, retries, random, asked)).toBe(expected);
    },
  );

  it("lies within what was asked for, whoever asked", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.nat(30),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(10_000),
        fc.boolean(),
        (baseMs, retries, random, asked, atLeast) => {
          const wait = waitBefore({ baseMs, maxMs: 10 * baseMs, least: atLeast }, retries, random, asked);
          expect(wait).toBeGreaterThanOrEqual(Math.max(asked, atLeast ? baseMs : 0));
          expect(wait).toBeLessThanOrEqual(Math.max(1.5 * asked, 15 * baseMs));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a Retry-After", () => {
  const now = Date.parse("2026-11-25T10:00:00Z");
  it.each([
    [null, undefined],
    ["2", 2000],
    ["0", 0],
    ["Wed, 25 Nov 2026 10:00:05 GMT", 5000],
    ["Wed, 25 Nov 2026 09:00:00 GMT", 0],
    ["soon", undefined],
    ["-1 hours", undefined],
  ])("of %s is %s ms", (value, expected) => {
    expect(retryAfterMs(value, now)).toBe(expected);
  });
});
