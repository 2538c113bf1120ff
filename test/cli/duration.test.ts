import { describe, expect, it } from "vitest";
import { age, parseDuration } from "../../cli/duration.ts";

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

describe("age", () => {
  it.each([
    [-5 * S, "0s"],
    [0, "0s"],
    [119 * S, "119s"],
    [2 * M, "2m"],
    [3 * M + 20 * S, "3m20s"],
    [10 * M, "10m"],
    [179 * M, "179m"],
    [3 * H, "3h"],
    [5 * H + 30 * M, "5h30m"],
    [47 * H, "47h"],
    [2 * D, "2d"],
    [3 * D + 4 * H, "3d4h"],
    [400 * D, "400d"],
    [800 * D, "2y70d"],
    [Number.NaN, "<unknown>"],
  ])("%d ms reads %s", (ms, text) => {
    expect(age(ms)).toBe(text);
  });
});

describe("parseDuration", () => {
  it.each([
    ["30s", 30 * S],
    ["1m30s", 90 * S],
    ["500ms", 500],
    ["1.5h", 90 * M],
    ["0s", 0],
  ])("%s is %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "30", "s", "-5s", "5 s", "5sx", "x5s", "5d"])("%j is refused", (text) => {
    expect(() => parseDuration(text)).toThrow("Write a duration");
  });
});
