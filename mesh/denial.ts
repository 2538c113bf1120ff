/**
 * Every way in which the mesh answers a call itself. Add an arm and `answer` stops compiling until it says what the caller
 * sees. Facts that would help an attacker (addresses, policies, reasons) stay out of the body: they go to the operator.
 */
import { MESH_HEADERS } from "./headers.ts";

export type Denial =
  | { readonly cause: "no-route" }
  | { readonly cause: "no-backend" }
  | { readonly cause: "no-endpoint" }
  | { readonly cause: "address-refused" }
  | { readonly cause: "not-carried" }
  /** `presented`: there was a token, and it is not good. */
  | { readonly cause: "unauthorized"; readonly presented: boolean }
  | { readonly cause: "forbidden" }
  | { readonly cause: "keys-unavailable"; readonly retryAfterMs: number }
  | { readonly cause: "breaker-open"; readonly retryAfterMs: number }
  | {
      readonly cause: "rate-limited";
      readonly retryAfterMs: number;
      /** The limit that refused, by the name that `RateLimit-Policy` gives it. */
      readonly violated: string;
    }
  | { readonly cause: "length-required" }
  | { readonly cause: "limit-too-small" }
  | { readonly cause: "concurrency-limit"; readonly retryAfterMs: number }
  | { readonly cause: "concurrency-unavailable"; readonly retryAfterMs: number }
  | { readonly cause: "overloaded"; readonly retryAfterMs: number }
  | { readonly cause: "limiter-unavailable"; readonly retryAfterMs: number }
  | { readonly cause: "idempotency-key-missing" }
  | { readonly cause: "idempotency-key-invalid" }
  | { readonly cause: "idempotency-body-too-large" }
  | { readonly cause: "idempotency-in-flight"; readonly retryAfterMs: number }
  | { readonly cause: "idempotency-mismatch" }
  | { readonly cause: "idempotency-outcome-unknown" }
  | { readonly cause: "idempotency-not-replayable"; /** Of the answer that was not kept. */ readonly answered: number }
  | { readonly cause: "idempotency-unavailable"; readonly retryAfterMs: number }
  | { readonly cause: "deadline-exceeded" }
  | { readonly cause: "upstream-unreachable" }
  | { readonly cause: "upstream-invalid" }
  | { readonly cause: "retries-exhausted" }
  | { readonly cause: "loop-detected" }
  | { readonly cause: "method-not-carried" }
  | { readonly cause: "body-not-carried" }
  | { readonly cause: "request-broken" }
  | { readonly cause: "headers-too-large" }
  | { readonly cause: "url-too-long" }
  | { readonly cause: "body-too-large" }
  | { readonly cause: "body-too-slow" }
  | { readonly cause: "host-invalid" }
  | { readonly cause: "path-ambiguous" }
  | { readonly cause: "out-of-scope" }
  | { readonly cause: "no-snapshot" }
  | { readonly cause: "no-shard" }
  | { readonly cause: "internal" };

export type Cause = Denial["cause"];

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** The caller's view of a denial: problem details (RFC 9457), and the cause once more as a header. */
export function answer(denial: Denial): Answer {
  switch (denial.cause) {
    case "no-route":
      return say(404, denial, "No route matches this request");
    case "no-backend":
      return say(500, denial, "The route has no valid backend");
    case "address-refused":
      return say(500, denial, "The backend's address is not one that the mesh contacts");
    case "no-endpoint":
      return say(503, denial, "The backend has no endpoint");
    case "not-carried":
      return say(500, denial, "The route asks for something that this runtime cannot do");
    case "unauthorized":
      return say(401, denial, "The request must say who makes it", {
        "www-authenticate": denial.presented ? 'Bearer error="invalid_token"' : "Bearer",
      });
    case "forbidden":
      return say(403, denial, "This caller may not make this request");
    case "keys-unavailable":
      return say(503, denial, "Tokens cannot be checked", retryAfter(denial.retryAfterMs));
    case "breaker-open":
      return say(503, denial, "The backend is failing and is being left alone", retryAfter(denial.retryAfterMs));
    case "rate-limited": {
      const details = { type: QUOTA_EXCEEDED, "violated-policies": [denial.violated] };
      return say(429, denial, "Too many requests", retryAfter(denial.retryAfterMs), details);
    }
    case "length-required":
      return say(411, denial, "A limit on bytes needs the Content-Length of the body");
    case "limit-too-small":
      return say(413, denial, "This request takes more of a limit than it ever has at once");
    case "concurrency-limit":
      return say(503, denial, "The backend has as many calls as it may have", retryAfter(denial.retryAfterMs));
    case "concurrency-unavailable":
      return say(503, denial, "The limit on calls cannot be checked", retryAfter(denial.retryAfterMs));
    case "overloaded":
      return say(503, denial, "The edge has too much to do", retryAfter(denial.retryAfterMs));
    case "limiter-unavailable":
      return say(503, denial, "The rate limit cannot be checked", retryAfter(denial.retryAfterMs));
    case "idempotency-key-missing":
      return say(400, denial, "This request must carry an Idempotency-Key");
    case "idempotency-key-invalid":
      return say(400, denial, "The Idempotency-Key is not a string of 1 to 255 characters");
    case "idempotency-body-too-large":
      return say(413, denial, "A body of this size needs a Content-Length within the limit, or a Content-Digest");
    case "idempotency-in-flight":
      return say(
        409,
        denial,
        "A request with this Idempotency-Key is being carried out",
        retryAfter(denial.retryAfterMs),
      );
    case "idempotency-mismatch":
      return say(422, denial, "This Idempotency-Key was used for another request");
    case "idempotency-outcome-unknown":
      return say(409, denial, "A request with this Idempotency-Key was sent, and what became of it is not known");
    case "idempotency-not-replayable":
      return say(409, denial, `This request was answered with ${denial.answered}, in an answer too large to be kept`);
    case "idempotency-unavailable":
      return say(503, denial, "The Idempotency-Key cannot be checked", retryAfter(denial.retryAfterMs));
    case "deadline-exceeded":
      return say(504, denial, "No answer within the time allowed");
    case "upstream-unreachable":
      return say(502, denial, "The backend could not be reached or broke the connection");
    case "upstream-invalid":
      return say(502, denial, "The backend's answer was not valid HTTP");
    case "retries-exhausted":
      return say(503, denial, "The backend could not be reached, however often it was tried");
    case "loop-detected":
      return say(508, denial, "The request has passed through this mesh too often");
    case "method-not-carried":
      return say(501, denial, "The runtime cannot pass this method on");
    case "body-not-carried":
      return say(400, denial, "The runtime cannot pass on a GET or HEAD with a body");
    case "host-invalid":
      return say(400, denial, "The Host header is not a host");
    case "path-ambiguous":
      return say(400, denial, "The path can be read in more than one way");
    case "headers-too-large":
      return say(431, denial, "The request's headers are too many or too large");
    case "url-too-long":
      return say(414, denial, "The request's path and query are too long");
    case "body-too-large":
      return say(413, denial, "The request's body is too large");
    case "body-too-slow":
      return say(408, denial, "The request's body came too slowly");
    case "request-broken":
      return say(400, denial, "The request's body broke off or was malformed");
    case "out-of-scope":
      return say(421, denial, "Another edge serves this host or service");
    case "no-snapshot":
      return say(503, denial, "The edge has no configuration yet", retryAfter(1000));
    case "no-shard":
      return say(503, denial, "The edge cannot load its configuration for this host", retryAfter(1000));
    case "internal":
      return say(500, denial, "The edge failed");
  }
}

/** draft-ietf-httpapi-ratelimit-headers-10, section 5: a client may know what this means without knowing us. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

const say = (
  status: number,
  { cause }: Denial,
  title: string,
  headers: Record<string, string> = {},
  details: Readonly<Record<string, unknown>> = {},
): Answer => ({
  status,
  headers: {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    [MESH_HEADERS.cause]: cause,
    ...headers,
  },
  body: JSON.stringify({ type: `https://mesh.selvedge.dev/causes#${cause}`, title, status, cause, ...details }),
});

/** Whole seconds, rounded up: a caller told to come back too early would only be refused again. */
const retryAfter = (ms: number): Record<string, string> => ({
  "retry-after": String(Math.max(1, Math.ceil(ms / 1000))),
});
