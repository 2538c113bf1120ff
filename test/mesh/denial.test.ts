import { describe, expect, it } from "vitest";
import { answer, type Cause, type Denial } from "../../mesh/denial.ts";

/** Every cause with what the caller sees; a cause that is added must be added here. */
const TABLE: Readonly<Record<Cause, readonly [denial: Denial, status: number, retryAfter?: string]>> = {
  "no-route": [{ cause: "no-route" }, 404],
  "no-backend": [{ cause: "no-backend" }, 500],
  "address-refused": [{ cause: "address-refused" }, 500],
  "no-endpoint": [{ cause: "no-endpoint" }, 503],
  "not-carried": [{ cause: "not-carried" }, 500],
  unauthorized: [{ cause: "unauthorized", presented: false }, 401],
  forbidden: [{ cause: "forbidden" }, 403],
  "keys-unavailable": [{ cause: "keys-unavailable", retryAfterMs: 10_000 }, 503, "10"],
  "breaker-open": [{ cause: "breaker-open", retryAfterMs: 1001 }, 503, "2"],
  "rate-limited": [{ cause: "rate-limited", retryAfterMs: 30_000, violated: "steady" }, 429, "30"],
  "length-required": [{ cause: "length-required" }, 411],
  "limit-too-small": [{ cause: "limit-too-small" }, 413],
  "concurrency-limit": [{ cause: "concurrency-limit", retryAfterMs: 1000 }, 503, "1"],
  "concurrency-unavailable": [{ cause: "concurrency-unavailable", retryAfterMs: 1001 }, 503, "2"],
  overloaded: [{ cause: "overloaded", retryAfterMs: 1000 }, 503, "1"],
  "limiter-unavailable": [{ cause: "limiter-unavailable", retryAfterMs: 0 }, 503, "1"],
  "idempotency-key-missing": [{ cause: "idempotency-key-missing" }, 400],
  "idempotency-key-invalid": [{ cause: "idempotency-key-invalid" }, 400],
  "idempotency-body-too-large": [{ cause: "idempotency-body-too-large" }, 413],
  "idempotency-in-flight": [{ cause: "idempotency-in-flight", retryAfterMs: 1000 }, 409, "1"],
  "idempotency-mismatch": [{ cause: "idempotency-mismatch" }, 422],
  "idempotency-outcome-unknown": [{ cause: "idempotency-outcome-unknown" }, 409],
  "idempotency-not-replayable": [{ cause: "idempotency-not-replayable", answered: 201 }, 409],
  "idempotency-unavailable": [{ cause: "idempotency-unavailable", retryAfterMs: 1000 }, 503, "1"],
  "deadline-exceeded": [{ cause: "deadline-exceeded" }, 504],
  "upstream-unreachable": [{ cause: "upstream-unreachable" }, 502],
  "upstream-invalid": [{ cause: "upstream-invalid" }, 502],
  "retries-exhausted": [{ cause: "retries-exhausted" }, 503],
  "loop-detected": [{ cause: "loop-detected" }, 508],
  "method-not-carried": [{ cause: "method-not-carried" }, 501],
  "body-not-carried": [{ cause: "body-not-carried" }, 400],
  "host-invalid": [{ cause: "host-invalid" }, 400],
  "path-ambiguous": [{ cause: "path-ambiguous" }, 400],
  "request-broken": [{ cause: "request-broken" }, 400],
  "headers-too-large": [{ cause: "headers-too-large" }, 431],
  "url-too-long": [{ cause: "url-too-long" }, 414],
  "body-too-large": [{ cause: "body-too-large" }, 413],
  "body-too-slow": [{ cause: "body-too-slow" }, 408],
  "no-snapshot": [{ cause: "no-snapshot" }, 503, "1"],
  "out-of-scope": [{ cause: "out-of-scope" }, 421],
  "no-shard": [{ cause: "no-shard" }, 503, "1"],
  internal: [{ cause: "internal" }, 500],
};

describe("a denial is answered", () => {
  it.each(Object.entries(TABLE))("%s", (cause, [denial, status, retryAfter]) => {
    const { headers, body, ...rest } = answer(denial);
    expect(rest).toEqual({ status });
    expect(headers).toEqual({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "selvedge-cause": cause,
      ...(retryAfter !== undefined && { "retry-after": retryAfter }),
      ...(status === 401 && { "www-authenticate": "Bearer" }),
    });
    expect(JSON.parse(body)).toEqual({
      type:
        cause === "rate-limited"
          ? "https://iana.org/assignments/http-problem-types#quota-exceeded"
          : `https://mesh.selvedge.dev/causes#${cause}`,
      title: expect.stringMatching(/^[A-Z].+[^.]$/) as string,
      status,
      cause,
      ...(cause === "rate-limited" && { "violated-policies": ["steady"] }),
    });
  });

  it("with a challenge that says when a token was there and is not good (RFC 6750)", () => {
    const { headers } = answer({ cause: "unauthorized", presented: true });
    expect(headers["www-authenticate"]).toBe('Bearer error="invalid_token"');
  });

  it.each([
    [-5, "1"],
    [0, "1"],
    [1, "1"],
    [1000, "1"],
    [1000.5, "2"],
    [59_999, "60"],
  ])("with a wait of %d ms as %s whole seconds, never too few", (retryAfterMs, seconds) => {
    expect(answer({ cause: "breaker-open", retryAfterMs }).headers["retry-after"]).toBe(seconds);
  });
});
