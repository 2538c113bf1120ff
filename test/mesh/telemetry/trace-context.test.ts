/** The rules of W3C Trace Context, Level 2, one row each. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatTraceparent,
  formatTracestate,
  type Member,
  parseTraceparent,
  parseTracestate,
} from "../../../mesh/telemetry/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const valid = (flags: number) => ({ traceId: TRACE, parentId: PARENT, flags });

describe("traceparent", () => {
  it.each([
    ["the example of the specification", `00-${TRACE}-${PARENT}-01`, 1],
    ["not sampled", `00-${TRACE}-${PARENT}-00`, 0],
    ["sampled and random", `00-${TRACE}-${PARENT}-03`, 3],
    ["flags that mean nothing yet", `00-${TRACE}-${PARENT}-fd`, 1],
    ["blanks before and behind", ` \t00-${TRACE}-${PARENT}-01\t `, 1],
    ["a later version", `01-${TRACE}-${PARENT}-01`, 1],
    ["a later version with more behind a dash", `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, 1],
    ["a later version with a dash alone behind it", `fe-${TRACE}-${PARENT}-02-`, 2],
  ])("%s is valid", (_what, text, flags) => {
    expect(parseTraceparent(text)).toEqual(valid(flags));
  });

  it.each([
    ["nothing", ""],
    ["version ff", `ff-${TRACE}-${PARENT}-01`],
    ["version 00 with more behind it", `00-${TRACE}-${PARENT}-01-more`],
    ["version 00 with a dash behind it", `00-${TRACE}-${PARENT}-01-`],
    ["version 00 with a full stop behind it", `00-${TRACE}-${PARENT}-01.`],
    ["a later version with more, but no dash", `cc-${TRACE}-${PARENT}-01.more`],
    ["a later version with flags of three digits", `cc-${TRACE}-${PARENT}-011`],
    ["a version of one digit", `0-${TRACE}-${PARENT}-01`],
    ["a version of three digits", `000-${TRACE}-${PARENT}-01`],
    ["a version that is no number", `.0-${TRACE}-${PARENT}-01`],
    ["a version in upper case", `CC-${TRACE}-${PARENT}-01`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
    ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["a trace id that is too long", `00-${TRACE}0-${PARENT}-01`],
    ["a trace id that is too short", `00-${TRACE.slice(1)}-${PARENT}-01`],
    ["a trace id in upper case", `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ["a trace id that is no number", `00-.${TRACE.slice(1)}-${PARENT}-01`],
    ["a parent id that is too long", `00-${TRACE}-${PARENT}0-01`],
    ["a parent id that is too short", `00-${TRACE}-${PARENT.slice(1)}-01`],
    ["a parent id that is no number", `00-${TRACE}-${PARENT.slice(1)}.-01`],
    ["flags that are no number", `00-${TRACE}-${PARENT}-.0`],
    ["flags of one digit", `00-${TRACE}-${PARENT}-1`],
    ["flags of three digits", `00-${TRACE}-${PARENT}-001`],
    ["blanks within", `00-${TRACE}- ${PARENT}-01`],
    ["two headers of the name", `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
    ["two headers of a later version", `cc-${TRACE}-${PARENT}-01-x, cc-${TRACE}-${PARENT}-01`],
  ])("%s is not valid", (_what, text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  it("goes out as version 00, whatever came, and comes back as it was", () => {
    expect(formatTraceparent(parseTraceparent(`cc-${TRACE}-${PARENT}-ff-more`)!)).toBe(`00-${TRACE}-${PARENT}-03`);
  });
});

const many = (count: number, from = 1): string =>
  Array.from({ length: count }, (_, n) => `k${from + n}=${from + n}`).join(",");

describe("tracestate", () => {
  it.each<[string, string, Member[]]>([
    ["nothing", "", []],
    ["one member", "congo=t61rcWkgMzE", [["congo", "t61rcWkgMzE"]]],
    [
      "several headers, joined",
      "foo=1,bar=2, rojo=1",
      [
        ["foo", "1"],
        ["bar", "2"],
        ["rojo", "1"],
      ],
    ],
    [
      "blanks around members",
      "foo=1 \t , \t bar=2,\tbaz=3\t",
      [
        ["foo", "1"],
        ["bar", "2"],
        ["baz", "3"],
      ],
    ],
    [
      "members that are empty",
      ", foo=1,,\t,bar=2,",
      [
        ["foo", "1"],
        ["bar", "2"],
      ],
    ],
    [
      "a key twice: the first is kept",
      "foo=1,bar=2,foo=3",
      [
        ["foo", "1"],
        ["bar", "2"],
      ],
    ],
    ["a system of a tenant", "fw529a3039@dt=FfYyDE", [["fw529a3039@dt", "FfYyDE"]]],
    ["a key that begins with a digit", "1a-_*/=x", [["1a-_*/", "x"]]],
    ["a blank that begins a value", "foo= 1", [["foo", " 1"]]],
    [
      "every character of a value",
      `foo=!"#$%&'()*+-./:;<>?@[\\]^_\`{|}~`,
      [["foo", `!"#$%&'()*+-./:;<>?@[\\]^_\`{|}~`]],
    ],
    ["the longest key", `${"z".repeat(256)}=1`, [["z".repeat(256), "1"]]],
    [
      "the longest tenant and system",
      `${"t".repeat(241)}@${"v".repeat(14)}=1`,
      [[`${"t".repeat(241)}@${"v".repeat(14)}`, "1"]],
    ],
    ["the longest value", `foo=${"v".repeat(256)}`, [["foo", "v".repeat(256)]]],
  ])("%s is read", (_what, text, members) => {
    expect(parseTracestate(text)).toEqual(members);
  });

  it.each([
    ["a key in upper case", "FOO=1"],
    ["a key with a full stop", "foo.bar=1"],
    ["a key with a blank", "foo =1"],
    ["no key", "=1"],
    ["no value", "foo=,bar=3"],
    ["no equals sign", "foo"],
    ["two equals signs", "foo=bar=baz"],
    ["no system behind the @", "foo@=1,bar=2"],
    ["no tenant before the @", "@foo=1,bar=2"],
    ["two @ in a row", "foo@@bar=1,bar=2"],
    ["two @", "foo@bar@baz=1,bar=2"],
    ["a key that is too long", `foo=1,${"z".repeat(257)}=1`],
    ["a tenant that is too long", `foo=1,${"t".repeat(242)}@v=1`],
    ["a system that is too long", `foo=1,t@${"v".repeat(15)}=1`],
    ["a value that is too long", `foo=${"v".repeat(257)}`],
    ["a value that is not ASCII", "foo=\u00fc"],
    ["a tab within a value", "foo=a\tb"],
    ["33 members", many(33)],
    ["33 members, of which one stands twice", `${many(32)},k1=2`],
  ])("%s gives the whole list up", (_what, text) => {
    expect(parseTracestate(text)).toBeUndefined();
  });

  it("32 members are read", () => {
    expect(parseTracestate(many(32))).toHaveLength(32);
  });
});

describe("what is sent on", () => {
  const others = (text: string) => parseTracestate(text)!;

  it("our own member goes first, and once", () => {
    expect(formatTracestate([["selvedge", "new"]], others("foo=1,selvedge=old,bar=2"))).toBe(
      "selvedge=new,foo=1,bar=2",
    );
  });

  it("the last of 32 makes room for it", () => {
    expect(formatTracestate([["selvedge", "1"]], others(many(32)))).toBe(`selvedge=1,${many(31)}`);
  });

  it("of more than 512 characters long members go first, then the last", () => {
    const long = `long=${"x".repeat(124)}`;
    const short = many(50)
      .split(",")
      .slice(0, 31)
      .map((one, n) => `${one}${"y".repeat(10 + (n % 2))}`);
    const sent = formatTracestate([["selvedge", "1"]], others([short[0], long, ...short.slice(1)].join(",")));
    expect(sent.length).toBeLessThanOrEqual(512);
    expect(sent).not.toContain("long=");
    expect(`selvedge=1,${short.join(",")}`.startsWith(sent)).toBe(true);
  });

  it("never breaks a limit nor an order, whatever is to be sent", () => {
    const key = fc.stringMatching(/^[a-z][a-z0-9]{0,40}$/);
    const value = fc.stringMatching(/^[!-+\-./0-9:;<>?@A-Z]{1,200}$/);
    const members = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 32 });
    fc.assert(
      fc.property(members, value, (list, own) => {
        const sent = formatTracestate([["selvedge", own]], list);
        const read = parseTracestate(sent);
        expect(read?.[0]).toEqual(["selvedge", own]);
        expect(sent.length).toBeLessThanOrEqual(512);
        const kept = read!.slice(1);
        expect(kept).toEqual(list.filter((one) => kept.some(([name]) => name === one[0])));
      }),
    );
  });
});
