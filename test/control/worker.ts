/** Control and the objects it speaks to as one Worker, so that tests reach storage and evict objects. */
export {
  BreakerObject,
  CollectorObject,
  ConfigObject,
  FleetObject,
  IdentityObject,
  RateLimitObject,
} from "../../durable-objects/index.ts";
import type { Bindings } from "../../workers/control/env.ts";
import { controller } from "../../workers/control/index.ts";

let isolate = controller();

/** Another isolate, which remembers nothing. */
export const restart = (): void => {
  isolate = controller();
};

export default {
  fetch: (request, env, context) => isolate.fetch(request, env, context),
  scheduled: (event, env, context) => isolate.scheduled(event, env, context),
} satisfies ExportedHandler<Bindings>;
