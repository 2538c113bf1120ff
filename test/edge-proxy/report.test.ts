import { describe, expect, it } from "vitest";
import type { DataPoint } from "../../mesh/telemetry/data-point.ts";
import type { Outside } from "../../workers/edge-proxy/layer.ts";
import { observed } from "../../workers/edge-proxy/report.ts";
import { callWith } from "./layers/call.ts";

/** What is written of a request that a backend answered with 503 after 12 ms. */
function answered(outside: Partial<Outside>): { readonly counted: number; readonly points: readonly DataPoint[] } {
  const points: DataPoint[] = [];
  const request = new Request("http://shop.example/cart");
  const call = callWith(
    { now: () => 1012, analytics: { writeDataPoint: (point) => points.push(point) }, ...outside },
    { request },
  );
  call.backend = "Service/shop/cart:80";
  const rule = { route: "shop/cart", rule: "0", layers: [], backends: [] };
  const seen = {
    request,
    url: new URL(request.url),
    began: 1000,
    rule,
    call,
    telemetry: undefined,
    log: undefined,
    explaining: undefined,
  };
  observed(seen, "", new Response("x", { status: 503, headers: { "content-length": "1" } }), call.outside);
  return { counted: call.outside.memory.recorder.finished, points };
}

describe("a request that was answered", () => {
  it("is counted, and a row of the deployment's dataset", () => {
    expect(answered({})).toEqual({
      counted: 1,
      points: [
        {
          indexes: ["shop/cart"],
          blobs: ["", "shop/cart", "shop/cart", "0", "GET", "Service/shop/cart:80", "5xx", "", ""],
          doubles: [12, 1, 0, 0, 1, 0, 0],
        },
      ],
    });
  });

  it("is counted where there is no dataset", () => {
    expect(answered({ analytics: undefined })).toEqual({ counted: 1, points: [] });
  });

  it("is neither where telemetry is off", () => {
    expect(answered({ counts: false })).toEqual({ counted: 0, points: [] });
  });
});
