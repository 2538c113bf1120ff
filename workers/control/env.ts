import { COLLECTORS } from "../../mesh/telemetry/collector.ts";
import type { OtlpVars } from "../../mesh/telemetry/otlp-destination.ts";
import type {
  BreakerObject,
  CollectorObject,
  ConfigObject,
  FleetObject,
  IdentityObject,
  RateLimitObject,
} from "../../durable-objects/index.ts";
import type { Memory } from "./memory.ts";

export type Env = Bindings & { readonly memory: Memory };

export type Bindings = {
  readonly SNAPSHOTS: KVNamespace;
  readonly CONFIG: DurableObjectNamespace<ConfigObject>;
  readonly FLEET: DurableObjectNamespace<FleetObject>;
  readonly BREAKER: DurableObjectNamespace<BreakerObject>;
  readonly RATE_LIMIT: DurableObjectNamespace<RateLimitObject>;
  readonly COLLECTOR: DurableObjectNamespace<CollectorObject>;
  readonly IDENTITY: DurableObjectNamespace<IdentityObject>;
  /** The trust domain of the workloads' SPIFFE IDs. */
  readonly TRUST_DOMAIN?: string;
  /** `namespace/name` of the Secrets for which the platform holds a certificate, with commas between. */
  readonly CERTIFICATES?: string;
  /** Host names or IP addresses at which the edge answers, with commas between: what a Gateway's status shows. */
  readonly EDGE_ADDRESSES?: string;
  /** As edges have it: JSON whose keys are the origins of endpoints that are reached by bindings. */
  readonly HOST_PRESERVING?: string;
  /** `true` in a local mesh: resources may name loopback and link-local addresses. */
  readonly ALLOW_RESERVED?: string;
  /** A secret: the private Ed25519 key, as a JWK, by which snapshots are signed. Without it they are not. */
  readonly SNAPSHOT_KEY?: string;
  /** As edges have it; without it, nobody knows who guesses. */
  readonly CLIENT_ADDRESS?: string;
  /** A secret, 16 characters or more. Without it control answers no one. */
  readonly CONTROL_TOKEN?: string;
} & OtlpVars;

// A fresh stub per call: one that has thrown stays broken, and none may be shared between requests.
export const config = (env: Env): DurableObjectStub<ConfigObject> => env.CONFIG.getByName("config");
/** Typed as the object itself: the types of RPC make arrays of tuples, and what comes back is what was sent. */
export const collectors = (env: Env): Pick<CollectorObject, "totals" | "range" | "mirrors">[] =>
  COLLECTORS.map((name) => env.COLLECTOR.getByName(name) as unknown as CollectorObject);
export const fleet = (env: Env): DurableObjectStub<FleetObject> => env.FLEET.getByName("fleet");
export const identities = (env: Env): DurableObjectStub<IdentityObject> => env.IDENTITY.getByName("identity");
export const trustDomainOf = ({ TRUST_DOMAIN = "mesh.internal" }: Env): string => TRUST_DOMAIN;
