import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { timeAllowed, timeHeaders } from "../../../mesh/policies/deadline.ts";

const allowed = (headers: Record<string, string>) => timeAllowed((name) => headers[name] ?? null);

describe("the time that a caller gives", () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ "selvedge-timeout-ms": "250" }, 250],
    [{ "x-envoy-expected-rq-timeout-ms": "1500" }, 1500],
    [{ "grpc-timeout": "2S" }, 2000],
    [{ "grpc-timeout": "1H" }, 3_600_000],
    [{ "grpc-timeout": "3M" }, 180_000],
    [{ "grpc-timeout": "40m" }, 40],
    [{ "grpc-timeout": "5000u" }, 5],
    [{ "grpc-timeout": "5000000n" }, 5],
    [{ "selvedge-timeout-ms": "300", "grpc-timeout": "100m", "x-envoy-expected-rq-timeout-ms": "200" }, 100],
    [{ "selvedge-timeout-ms": "0" }, 0],
    [{ "selvedge-timeout-ms": "-1" }, undefined],
    [{ "selvedge-timeout-ms": "1e3" }, undefined],
    [{ "selvedge-timeout-ms": "soon", "x-envoy-expected-rq-timeout-ms": "70" }, 70],
    [{ "grpc-timeout": "123456789m" }, undefined],
    [{ "grpc-timeout": "5" }, undefined],
    [{ "grpc-timeout": "5h" }, undefined],
  ])("by %j is %s ms", (headers, expected) => {
    expect(allowed(headers)).toBe(expected);
  });
});

describe("the time that the upstream is told", () => {
  const told = (ms: number, headers: Record<string, string> = {}) =>
    Object.fromEntries(timeHeaders(ms, (name) => headers[name] ?? null));

  it("is in gRPC's words for those alone who speak them", () => {
    expect(told(1234.2)).toEqual({ "selvedge-timeout-ms": "1235", "x-envoy-expected-rq-timeout-ms": "1235" });
    expect(told(1234.2, { "grpc-timeout": "9S" })["grpc-timeout"]).toBe("1235m");
  });

  it("is what the next hop reads, within gRPC's digits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (ms) => {
        const again = allowed(told(ms, { "grpc-timeout": "1H" }));
        expect(again).toBe(ms);
      }),
    );
  });
});
