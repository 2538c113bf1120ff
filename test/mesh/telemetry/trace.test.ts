import { describe, expect, it } from "vitest";
import { received, type Trace, writeTrace } from "../../../mesh/telemetry/trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const SPAN = "00f067aa0ba902b7";
const NEW_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const newId = (bytes: number): string => (bytes === 8 ? SPAN : NEW_TRACE);

function through(given: Record<string, string>, threshold?: string): { trace: Trace; sent: Record<string, string> } {
  const headers = new Headers(given);
  const trace = received((name) => headers.get(name), threshold, newId);
  writeTrace(headers, trace, trace.spanId);
  return { trace, sent: Object.fromEntries(headers) };
}

describe("what the next hop is told", () => {
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ["a new trace, with random id", {}, { traceparent: `00-${NEW_TRACE}-${SPAN}-02` }],
    [
      "the caller's trace, from our span",
      { traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: "foo=1, bar=2", baggage: "a=1;p, b=2" },
      { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: "foo=1,bar=2", baggage: "a=1;p, b=2" },
    ],
    [
      "which of the mesh's spans is the last, where it is sampled",
      { traceparent: `00-${TRACE}-${PARENT}-03`, tracestate: "foo=1,selvedge=1" },
      { traceparent: `00-${TRACE}-${SPAN}-03`, tracestate: `selvedge=${SPAN},foo=1` },
    ],
    [
      "nothing of a list that breaks a rule",
      { traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: "foo=1,BAR=2" },
      { traceparent: `00-${TRACE}-${SPAN}-00` },
    ],
    [
      "nothing of an empty list",
      { traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: "" },
      { traceparent: `00-${TRACE}-${SPAN}-00` },
    ],
    ["nothing of a list without a trace", { tracestate: "foo=1" }, { traceparent: `00-${NEW_TRACE}-${SPAN}-02` }],
    [
      "a new trace and no list where the trace is invalid, whatever B3 says",
      { traceparent: `00-${TRACE}-${PARENT}-1`, tracestate: "foo=1", b3: `${TRACE}-${PARENT}-1` },
      { traceparent: `00-${NEW_TRACE}-${SPAN}-02`, b3: `${TRACE}-${PARENT}-1` },
    ],
    [
      "a trace that came as B3, in both forms",
      { b3: `${TRACE}-${PARENT}-1` },
      { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: `selvedge=${SPAN}`, b3: `${TRACE}-${SPAN}-1` },
    ],
    [
      "a trace that came as B3 in several headers, in both forms",
      { "x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "0", "x-b3-parentspanid": "05e3ac9a4f6e3b90" },
      { traceparent: `00-${TRACE}-${SPAN}-00`, "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "0" },
    ],
  ])("%s", (_what, given, sent) => {
    expect(through(given).sent).toEqual(sent);
  });

  it("names the threshold at which we sampled, behind our own member", () => {
    const { sent } = through({ traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: "foo=1,ot=x:1" }, "00000000000000");
    expect(sent.tracestate).toBe(`selvedge=${SPAN},ot=th:0;x:1,foo=1`);
    expect(sent.traceparent).toBe(`00-${TRACE}-${SPAN}-01`);
  });

  it("keeps a threshold that is as it was where it was", () => {
    const { sent } = through({ traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "foo=1,ot=th:0" });
    expect(sent.tracestate).toBe(`selvedge=${SPAN},foo=1,ot=th:0`);
  });

  it("does not sample what B3 says not to", () => {
    expect(through({ b3: "0" }, "00000000000000").trace.sampled).toBe(false);
    expect(through({ b3: `${TRACE}-${PARENT}` }, "00000000000000").trace.sampled).toBe(true);
  });
});
