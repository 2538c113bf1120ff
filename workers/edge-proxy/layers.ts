/** Every policy of a snapshot with these backends, and the layer that carries it out. A new kind of policy does not compile without its layer. */
import type { Backend, Policy } from "../../mesh/snapshot.ts";
import type { MakeLayer } from "./layer.ts";
import { adaptiveConcurrency } from "./layers/adaptive-concurrency.ts";
import { assert } from "./layers/assert.ts";
import { authenticate } from "./layers/authenticate.ts";
import { authorize } from "./layers/authorize.ts";
import { bodyTimeout } from "./layers/body-timeout.ts";
import { balance } from "./layers/balance.ts";
import { breaker, endpointBreaker } from "./layers/breaker.ts";
import { concurrency } from "./layers/concurrency.ts";
import { cors } from "./layers/cors.ts";
import { deadline } from "./layers/deadline.ts";
import { exposeEndpoint } from "./layers/expose-endpoint.ts";
import { fault } from "./layers/fault.ts";
import { faultBudget } from "./layers/fault-budget.ts";
import { firstByte } from "./layers/first-byte.ts";
import { requestHeaders, responseHeaders } from "./layers/headers.ts";
import { idempotency } from "./layers/idempotency.ts";
import { hedge } from "./layers/hedge.ts";
import { lowPriority } from "./layers/low-priority.ts";
import { mirror } from "./layers/mirror.ts";
import { rateLimit } from "./layers/rate-limit.ts";
import { redirect } from "./layers/redirect.ts";
import { refuse } from "./layers/refuse.ts";
import { requestLimits } from "./layers/request-limits.ts";
import { retry } from "./layers/retry.ts";
import { rewrite } from "./layers/rewrite.ts";
import { session } from "./layers/session.ts";
import { staleServe } from "./layers/stale-serve.ts";

export const layersOver = (backends: readonly Backend[]): { readonly [K in Policy["kind"]]: MakeLayer<K> } => ({
  // Carried out by the proxy.
  telemetry: () => (next) => next,
  bypass: () => (next) => next,
  deadline,
  "request-limits": requestLimits,
  cors,
  assert,
  authenticate,
  authorize,
  "low-priority": lowPriority,
  "rate-limit": rateLimit,
  idempotency,
  refuse,
  redirect,
  "response-headers": responseHeaders,
  "request-headers": requestHeaders,
  rewrite,
  mirror: mirror(backends),
  session: session(backends),
  "expose-endpoint": exposeEndpoint(backends),
  "stale-serve": staleServe,
  breaker,
  concurrency,
  "adaptive-concurrency": adaptiveConcurrency,
  retry,
  balance: balance(backends),
  "endpoint-breaker": endpointBreaker(backends),
  "try-timeout": deadline,
  "first-byte": firstByte,
  hedge,
  "fault-budget": faultBudget,
  fault,
  "body-timeout": bodyTimeout,
});
