/** Which listeners read ambiguous paths in which way. */
import type { AmbiguousPaths } from "../canonical-path.ts";
import type { Model } from "./model.ts";
import type { Policies, Target } from "./policies.ts";

const SETTINGS = { Refuse: "refuse", Resolve: "resolve", Keep: "keep" } as const;

export const ambiguousPaths = (policies: Policies, targets: readonly Target[]): AmbiguousPaths =>
  SETTINGS[policies.section(targets, "path")?.value.ambiguous ?? "Refuse"];

/** A path is read before its route is known: said of a route or a service, the setting would hold for nothing. */
export function reportPathSections(model: Model): void {
  for (const policy of model.all("TrafficPolicy"))
    policy.spec.targetRefs.forEach(({ kind }, index) => {
      if (policy.spec.path !== undefined && kind !== "Gateway" && kind !== "ListenerSet")
        model.warn(
          policy,
          "not-carried",
          `spec.targetRefs[${index}]`,
          `path is read before its ${kind} is known, and holds for Gateways and listeners alone`,
          "target a Gateway or ListenerSet, with the sectionName of a listener if it is to hold there alone",
        );
    });
}
