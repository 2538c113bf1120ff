import type { Item, Model } from "./model.ts";

type Referrer = { readonly group: string; readonly kind: string; readonly namespace: string };
export type Referred = Referrer & { readonly name: string };

/** Whether `from` may refer to `to`: always within a namespace, else where a ReferenceGrant beside `to` says so. */
export type Grants = (from: Referrer, to: Referred) => boolean;

export function grants(model: Model): Grants {
  const byNamespace = Map.groupBy(model.all("ReferenceGrant"), ({ metadata }) => metadata.namespace);
  return (from, to) => from.namespace === to.namespace || isGranted(byNamespace.get(to.namespace) ?? [], from, to);
}

const isGranted = (all: readonly Item<"ReferenceGrant">[], from: Referrer, to: Referred): boolean =>
  all.some(
    ({ spec }) =>
      spec.from.some(
        ({ group, kind, namespace }) => group === from.group && kind === from.kind && namespace === from.namespace,
      ) &&
      spec.to.some(({ group, kind, name }) => group === to.group && kind === to.kind && (name ?? to.name) === to.name),
  );
