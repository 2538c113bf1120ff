import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cookieValues,
  formatToken,
  isAlive,
  nextToken,
  parseToken,
  type Session,
  setCookie,
} from "../../../mesh/policies/session.ts";

const ID = "A".repeat(22);
const OTHER = "B".repeat(22);
const NOW = 1_700_000_000_000;
const S = NOW / 1000;
const policy = (more: Partial<Session> = {}): Session => ({ carrier: { kind: "cookie", permanent: false }, ...more });

describe("a token", () => {
  it("is read as it was written", () => {
    const seconds = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(seconds, seconds, (began, used) => {
        const token = { id: ID, began, used };
        expect(parseToken(formatToken(token, policy({ idleMs: 1 })))).toEqual(token);
        expect(parseToken(formatToken(token, policy()))).toEqual({ id: ID, began: 0, used: 0 });
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it.each([
    "",
    "x",
    ID + "A",
    `${ID}.`,
    `${ID}.1`,
    `${ID}.1.2.3`,
    `${ID}.-1.2`,
    `${ID}.A.1`,
    `${ID}.123456789.1`,
    "=".repeat(22),
  ])("%j is none", (text) => {
    expect(parseToken(text)).toBeUndefined();
  });

  it.each<[string, Partial<Session>, began: number, used: number, alive: boolean]>([
    ["without limits", {}, 0, 0, true],
    ["just before its end", { absoluteMs: 10_000 }, S - 9, S, true],
    ["at its end", { absoluteMs: 10_000 }, S - 10, S, false],
    ["just before it was idle for too long", { idleMs: 10_000 }, 0, S - 9, true],
    ["idle for too long", { idleMs: 10_000 }, S, S - 10, false],
    ["within both", { absoluteMs: 100_000, idleMs: 10_000 }, S - 99, S - 9, true],
    ["of an edge whose clock is ahead", { idleMs: 10_000 }, S + 60, S + 60, true],
    ["from further in the future", { absoluteMs: 10_000 }, S + 61, S, false],
    ["used in the future", { idleMs: 10_000 }, S, S + 61, false],
    ["without times where times are kept", { absoluteMs: 10_000 }, 0, 0, false],
  ])("%s lives or not", (_, limits, began, used, alive) => {
    expect(isAlive({ id: ID, began, used }, policy(limits), NOW)).toBe(alive);
  });
});

describe("the next token", () => {
  it.each<[string, Partial<Session>, object | undefined, object | undefined]>([
    ["of a caller without one", {}, undefined, { id: ID, began: 0, used: 0 }],
    ["of a caller without one, with its times", { idleMs: 10_000 }, undefined, { id: ID, began: S, used: S }],
    ["of a caller who holds it is none", {}, { id: ID, began: 0, used: 0 }, undefined],
    ["of one who holds another's", { absoluteMs: 1 }, { id: OTHER, began: 1, used: 1 }, { id: ID, began: S, used: S }],
    ["of one that was used just now is none", { idleMs: 100_000 }, { id: ID, began: 5, used: S - 9 }, undefined],
    [
      "of one that a tenth of its idle time has passed over",
      { idleMs: 100_000 },
      { id: ID, began: 5, used: S - 10 },
      { id: ID, began: 5, used: S },
    ],
  ])("%s", (_, limits, held, expected) => {
    expect(nextToken(held as Parameters<typeof nextToken>[0], ID, policy(limits), NOW)).toEqual(expected);
  });
});

describe("a cookie", () => {
  it.each<[string | null, string[]]>([
    [null, []],
    ["a=1; b=2", ["1"]],
    ["b=2;a=1", ["1"]],
    ["a=1; A=3; a=2", ["1", "2"]],
    ["a==x=; aa=1", ["=x="]],
    ["a", [""]],
    ["b=a=1", []],
  ])("named a in %j is %j", (header, values) => {
    expect(cookieValues(header, "a")).toEqual(values);
  });

  const token = { id: ID, began: S - 100, used: S };
  const permanent = policy({ carrier: { kind: "cookie", permanent: true }, absoluteMs: 300_000 });

  it.each<[string, Session, { path: string; secure: boolean }, string]>([
    ["of a session", policy(), { path: "/a", secure: false }, `n=${ID}; Path=/a; HttpOnly; SameSite=Strict`],
    ["over HTTPS", policy(), { path: "", secure: true }, `n=${ID}; Path=/; HttpOnly; SameSite=Strict; Secure`],
    [
      "that is permanent lasts for what is left",
      permanent,
      { path: "/a", secure: false },
      `n=${formatToken(token, permanent)}; Path=/a; Max-Age=200; HttpOnly; SameSite=Strict`,
    ],
    [
      "for a path that would end its attribute is for all",
      policy(),
      { path: "/a; Domain=x", secure: false },
      `n=${ID}; Path=/; HttpOnly; SameSite=Strict`,
    ],
  ])("%s", (_, kept, about, expected) => {
    expect(setCookie("n", token, kept, { ...about, now: NOW })).toBe(expected);
  });
});
