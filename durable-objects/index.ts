/** The state Worker: what the mesh remembers. It answers to bindings alone. */
export { BreakerObject } from "./breaker.ts";
export { CollectorObject } from "./collector.ts";
export { ConcurrencyObject } from "./concurrency.ts";
export { ConfigObject } from "./config.ts";
export { FleetObject } from "./fleet.ts";
export { HealthObject } from "./health.ts";
export { IdempotencyObject } from "./idempotency.ts";
export { IdentityObject } from "./identity.ts";
export { RateLimitObject } from "./rate-limit.ts";

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
