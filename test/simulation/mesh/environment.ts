/** What a deploy would give to the Workers: the classes of their objects by binding, their variables, and control's token. */
import * as classes from "../../../durable-objects/index.ts";
import type { ObjectClass } from "./objects.ts";

export const TOKEN = "a-token-of-more-than-thirty-two-characters";
export const CLASSES: Readonly<Record<string, ObjectClass>> = {
  BREAKER: classes.BreakerObject,
  RATE_LIMIT: classes.RateLimitObject,
  CONCURRENCY: classes.ConcurrencyObject,
  IDEMPOTENCY: classes.IdempotencyObject,
  IDENTITY: classes.IdentityObject,
  HEALTH: classes.HealthObject,
  FLEET: classes.FleetObject,
  COLLECTOR: classes.CollectorObject,
  CONFIG: classes.ConfigObject,
};
export const VARS = {
  MESH_DOMAIN: "mesh.internal",
  LOOK_EVERY_MS: "10000",
  REPORT_EVERY_MS: "5000",
  CLIENT_ADDRESS: "x-client",
  LISTENER_PORT: "",
  SCOPE: "",
  LISTENER_SCHEME: "",
  TRUSTED_PROXIES: "0",
  MAX_IN_FLIGHT: "2000",
  GATEWAY: "",
  ZONE: "",
  CALLER: "",
  CLIENT_CERTIFICATES: "",
  ALLOW_RESERVED: "false",
  HOST_PRESERVING: "",
  MESH_KEY: "a-key-that-the-edges-of-this-mesh-share",
};
