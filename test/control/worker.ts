/** Control and the objects it speaks to as one Worker, so that tests reach storage and evict objects. */
export {
  BreakerObject,
  CollectorObject,
  ConfigObject,
  FleetObject,
  IdentityObject,
  RateLimitObject,
} from "../../durable-objects/index.ts";
export { default } from "../../workers/control/index.ts";
