/** Which namespaces a listener takes routes from, and a Gateway listeners: None, Same, All or Selector. */
import type { Listener } from "../resources/gateway.ts";
import type { Model } from "./model.ts";

export type AllowedNamespaces = Listener["allowedRoutes"]["namespaces"];

/** Whether `namespace` is among those that a resource in namespace `home` allows. */
export function allowsNamespace(
  model: Model,
  { from, selector }: AllowedNamespaces,
  home: string,
  namespace: string,
): boolean {
  switch (from) {
    case "All":
      return true;
    case "Same":
      return namespace === home;
    case "None":
      return false;
    case "Selector":
      // No selector is no permission; an empty one selects all.
      return selector !== undefined && selects(selector, model.namespaceLabels(namespace));
  }
}

type Selector = NonNullable<AllowedNamespaces["selector"]>;

function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  given: Readonly<Record<string, string>>,
): boolean {
  // As a map: `constructor` is a label only where someone wrote it.
  const labels = new Map(Object.entries(given));
  return (
    Object.entries(matchLabels).every(([key, value]) => labels.get(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels.get(key);
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
      }
    })
  );
}
