import { describe, expect, it } from "vitest";
import { b3Headers, readB3 } from "../../../mesh/telemetry/b3.ts";

const TRACE = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN = "e457b5a2e4d86bd1";
const ids = { traceId: TRACE, spanId: SPAN };
const read = (headers: Record<string, string>) => readB3((name) => headers[name] ?? null);

describe("B3", () => {
  it.each([
    ["in one header, sampled", { b3: `${TRACE}-${SPAN}-1-05e3ac9a4f6e3b90` }, { form: "single", ids, sampled: true }],
    ["in one header, not sampled", { b3: `${TRACE}-${SPAN}-0` }, { form: "single", ids, sampled: false }],
    ["in one header, to debug", { b3: `${TRACE}-${SPAN}-d` }, { form: "single", ids, sampled: true }],
    ["in one header, undecided", { b3: `${TRACE}-${SPAN}` }, { form: "single", ids, sampled: undefined }],
    ["a decision alone", { b3: "0" }, { form: "single", sampled: false }],
    [
      "a trace id of 64 bits",
      { b3: `64fe8b2a57d3eff7-${SPAN}-1` },
      { form: "single", ids: { traceId: `${"0".repeat(16)}64fe8b2a57d3eff7`, spanId: SPAN }, sampled: true },
    ],
    [
      "in several headers",
      { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-parentspanid": "05e3ac9a4f6e3b90", "x-b3-sampled": "1" },
      { form: "multiple", ids, sampled: true },
    ],
    [
      "in several headers, upper case, decided by a word",
      { "x-b3-traceid": TRACE.toUpperCase(), "x-b3-spanid": SPAN, "x-b3-sampled": "false" },
      { form: "multiple", ids, sampled: false },
    ],
    [
      "in several headers, to debug",
      { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": "1" },
      { form: "multiple", ids, sampled: true },
    ],
    ["a decision in a header of its own", { "x-b3-sampled": "0" }, { form: "multiple", sampled: false }],
  ])("%s is read", (_what, headers, b3) => {
    expect(read(headers as unknown as Record<string, string>)).toEqual(b3);
  });

  it.each<[string, Record<string, string>]>([
    ["none", {}],
    ["ids of zeros", { b3: `${"0".repeat(32)}-${SPAN}-1` }],
    ["no span", { b3: TRACE }],
    ["a trace id of another length", { b3: `${TRACE}00-${SPAN}-1` }],
    ["an unknown decision", { b3: `${TRACE}-${SPAN}-x` }],
    ["several headers without a span", { "x-b3-traceid": TRACE }],
  ])("%s is nothing", (_what, headers) => {
    expect(read(headers)).toBeUndefined();
  });

  it.each(["single", "multiple"] as const)("what is written %s is read back", (form) => {
    const written = Object.fromEntries(b3Headers(form, TRACE, SPAN, true));
    expect(read(written)).toEqual({ form, ids, sampled: true });
  });
});
