import { describe, expect, test } from "vitest";
import { textBytes, textFrom } from "../../../mesh/shard/text.ts";

describe("a text comes back from its bytes as it was", () => {
  test.each([
    ["nothing", ""],
    ["ASCII", "/shop/items?\u0000\u007f"],
    ["the first and last units that are not ASCII", "\u0080\uffff"],
    ["half of a pair, which UTF-8 could not carry", "a\ud800b"],
    ["more than the engine takes at once", "x".repeat(10_000)],
    ["the same with another unit at its very end", `${"x".repeat(10_000)}é`],
  ])("%s", (_, text) => {
    expect(textFrom(Uint8Array.from(textBytes(text)))).toBe(text);
  });
});
