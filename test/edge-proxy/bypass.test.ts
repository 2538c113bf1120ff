import { expect, it } from "vitest";
import type { Policy } from "../../mesh/snapshot.ts";
import { bypassed } from "../../workers/edge-proxy/bypass.ts";
import { callWith } from "./layers/call.ts";

const UNTIL = 1_000_000;
const policies: readonly Policy[] = [
  { kind: "bypass", until: UNTIL },
  { kind: "deadline", ms: 5 },
  { kind: "authorize", groups: [] },
  { kind: "rewrite", hostname: "a" },
  { kind: "first-byte", ms: 5 },
];
/** A stack that answers with what it is made of. */
const named = (all: readonly Policy[]) => async () => new Response(all.map(({ kind }) => kind).join(" "));

it.each([
  [UNTIL - 1, "authorize rewrite", true],
  [UNTIL, "bypass deadline authorize rewrite first-byte", false],
])("at %i the stack is %j", async (now, expected, isBypassed) => {
  const call = callWith({ now: () => now });
  const run = bypassed(policies, named);
  expect(await (await run(call)).text()).toBe(expected);
  expect(call.bypassed).toBe(isBypassed);
});

it("where there is none, the stack is the only one that is built", () => {
  let built = 0;
  bypassed(policies.slice(1), (all) => {
    built++;
    return named(all);
  });
  expect(built).toBe(1);
});
