declare namespace Cloudflare {
  interface Env {
    readonly BREAKER: DurableObjectNamespace<import("../../durable-objects/breaker.ts").BreakerObject>;
    readonly CONCURRENCY: DurableObjectNamespace<import("../../durable-objects/concurrency.ts").ConcurrencyObject>;
    readonly HEALTH: DurableObjectNamespace<import("../../durable-objects/health.ts").HealthObject>;
    readonly IDEMPOTENCY: DurableObjectNamespace<import("../../durable-objects/idempotency.ts").IdempotencyObject>;
    readonly RATE_LIMIT: DurableObjectNamespace<import("../../durable-objects/rate-limit.ts").RateLimitObject>;
  }
}
