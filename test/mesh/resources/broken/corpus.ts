import type { Broken } from "./broken.ts";
import { callers } from "./callers.ts";
import { envelope } from "./envelope.ts";
import { gateways } from "./gateways.ts";
import { policies } from "./policies.ts";
import { routes } from "./routes.ts";
import { services } from "./services.ts";
import { syntax } from "./syntax.ts";

/** Every broken file, by what is wrong with it. */
export const CORPUS: Readonly<Record<string, readonly Broken[]>> = {
  syntax,
  envelope,
  gateways,
  routes,
  services,
  policies,
  callers,
};
