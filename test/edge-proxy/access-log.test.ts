import { describe, expect, it } from "vitest";
import type { AccessLog } from "../../mesh/telemetry/access-log.ts";
import { accessLogger } from "../../workers/edge-proxy/access-log.ts";
import type { Seen } from "../../workers/edge-proxy/seen.ts";
import { callWith } from "./layers/call.ts";

const log = (more: Partial<AccessLog> = {}): AccessLog => ({
  shares: { success: 0.5, clientError: 0, serverError: 1 },
  requestHeaders: [],
  responseHeaders: [],
  redact: [],
  ...more,
});

/** The lines of one request, of which `drawn` is the number that chance gives. */
function lines(policy: AccessLog, status: number, drawn = 0, cause = ""): unknown[] {
  const written: unknown[] = [];
  const request = new Request("http://shop.example/pay?token=abc", { headers: { "x-tier": "gold" } });
  const call = callWith(
    {
      now: () => 1010,
      random: () => drawn,
      log: (line) => written.push(line),
    },
    { request },
  );
  // What went upstream is another path, which the log is not about.
  call.path = "/rewritten";
  const seen: Seen = {
    request,
    url: new URL(request.url),
    began: 1000,
    rule: undefined,
    call,
    telemetry: undefined,
    log: undefined,
    explaining: undefined,
  };
  accessLogger(policy)(seen, call, cause, new Response(null, { status }), call.outside);
  return written.map((text) => JSON.parse(text as string));
}

describe("a request's line in the access log", () => {
  it("is of what the caller asked for", () => {
    expect(lines(log(), 503, 0, "breaker-open")).toMatchObject([
      {
        kind: "access",
        durationMs: 10,
        path: "/pay",
        query: "token=REDACTED",
        status: 503,
        cause: "breaker-open",
        attempts: 0,
      },
    ]);
  });

  it.each([
    [200, 0.49, 1],
    [200, 0.5, 0],
    [404, 0, 0],
    [500, 0.99, 1],
  ])("is drawn by outcome: of %d with %d there are %d", (status, drawn, count) => {
    expect(lines(log(), status, drawn)).toHaveLength(count);
  });

  it("says which share of its outcome it stands for", () => {
    expect(lines(log(), 200)).toMatchObject([{ share: 0.5 }]);
    expect(lines(log(), 500)).not.toMatchObject([{ share: 1 }]);
  });

  it.each([
    ["response.status == 500", 1],
    ["response.durationMs > 10", 0],
    ['request.path == "/pay"', 1],
    ['request.headers["x-tier"] != "gold"', 0],
  ])("is there where %s holds", (filter, count) => {
    expect(lines(log({ filter }), 500)).toHaveLength(count);
  });
});
