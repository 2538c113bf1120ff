import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

/** `index` is the backend's. */
export const exposeEndpointLayer = (policies: Policies, targets: readonly Target[], index: number): Policy[] =>
  policies.section(targets, "exposeEndpoint")?.value === true ? [{ kind: "expose-endpoint", backend: index }] : [];
