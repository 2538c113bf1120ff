import { parseList } from "structured-headers";
import { describe, expect, it } from "vitest";
import { fieldsOf, remaining } from "../../../mesh/policies/rate-limit-fields.ts";
import { newHolder } from "../../../mesh/policies/rate-limit-holder.ts";
import type { RateLimit } from "../../../mesh/policies/rate-limit.ts";

const limit = (over: Partial<RateLimit> = {}): RateLimit => ({
  name: "ns/policy/steady",
  key: [],
  requests: 10,
  windowMs: 1000,
  burst: 40,
  onUnavailable: "share",
  ...over,
});

describe("a limit is told as", () => {
  it.each<[Partial<RateLimit>, policy: string, moreInS: number]>([
    [{}, '"steady";q=10;w=1', 1],
    [{ windowMs: 250 }, '"steady";q=40;w=1', 1],
    [{ windowMs: 1500 }, '"steady";q=14;w=2', 1],
    [{ requests: 2, windowMs: 86_400_000 }, '"steady";q=2;w=86400', 43_200],
    [{ cost: { kind: "bytes" }, requests: 1e12 }, '"steady";q=1000000000000;qu="content-bytes";w=1', 1],
    [{ cost: { kind: "expression", text: "2" } }, '"steady";q=10;w=1', 1],
  ])("%j: %s", (over, policy, moreInS) => {
    expect(fieldsOf(limit(over))).toMatchObject({ name: "steady", policy, moreInS });
  });

  it("a structured field", () => {
    const [[name, parameters] = []] = parseList(fieldsOf(limit()).left(7, 3));
    expect([name, ...(parameters ?? [])]).toEqual(["steady", ["r", 7], ["t", 3]]);
  });
});

describe("what is left", () => {
  const holding = { ...newHolder("i", 0), tokens: 2.5, left: 10, leftAt: 1000 };
  it.each([
    ["is in hand or with the object", holding, 1000, 12],
    ["has grown since the object's word", holding, 1100, 13],
    ["has not where more is wanted than there is", { ...holding, over: true }, 1100, 12],
    ["is the burst at most", holding, 60_000, 40],
    ["is nothing before the object's first word", newHolder("i", 0), 60_000, 0],
    ["is nothing while credit is repaid", { ...holding, tokens: 0, left: -3 }, 1000, 0],
  ])("%s", (_, holder, now, left) => {
    expect(remaining(holder, limit(), now)).toBe(left);
  });
});
