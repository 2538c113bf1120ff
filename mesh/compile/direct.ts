/** Which services callers may call without the mesh, once the mesh fails them. */
import { compareText } from "../problem.ts";
import type { Item, Model } from "./model.ts";
import type { Policies } from "./policies.ts";

/** `service.namespace` of each whose own policy says `onMeshFailure: direct`, of those that have an address in the mesh (`addresses`). */
export function directServices(model: Model, policies: Policies, addresses: readonly string[]): readonly string[] {
  const known = new Set(addresses);
  const found = new Set<string>();
  for (const kind of ["Service", "Backend"] as const)
    for (const { metadata } of model.all(kind) as readonly Item<"Service" | "Backend">[]) {
      const { namespace, name } = metadata;
      const address = `${name}.${namespace}`;
      // A Backend under a Service of its name has no address of its own.
      if (!known.has(address) || (kind === "Backend" && model.find("Service", namespace, name))) continue;
      if (policies.section([{ kind, namespace, name }], "onMeshFailure")?.value === "direct") found.add(address);
    }
  return [...found].sort(compareText);
}

/** A client calls a service, and knows nothing of the routes and listeners that it does not come to. */
export function reportDirect(model: Model): void {
  for (const policy of model.all("TrafficPolicy"))
    policy.spec.targetRefs.forEach(({ kind, sectionName }, index) => {
      if (policy.spec.onMeshFailure === undefined || ((kind === "Service" || kind === "Backend") && !sectionName))
        return;
      model.warn(
        policy,
        "not-carried",
        `spec.targetRefs[${index}]`,
        `onMeshFailure is for those who call a service by its address, and holds for no ${kind}`,
        "target the Service or Backend that they call",
      );
    });
}
