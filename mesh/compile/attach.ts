/** Which listeners and Services a route attaches to, and why not to the others (Gateway API, "Attaching to Gateways"). */
import { GATEWAY_API } from "../resources/kind.ts";
import type { ParentReference } from "../resources/parts.ts";
import { httpPorts } from "./backends.ts";
import { isOurs, type ListenerFact, type ListenerOwner, type Listeners } from "./listeners.ts";
import type { Item, Model, Refusal } from "./model.ts";
import { allowsNamespace } from "./namespaces.ts";
import type { Target } from "./policies.ts";

export type Attachment =
  | { readonly kind: "listener"; readonly at: ListenerFact; readonly hostnames: readonly string[] }
  | {
      readonly kind: "service";
      readonly service: Item<"Service">;
      readonly ports: readonly number[];
      /** The namespace whose callers alone the route is for; undefined where it is the Service's own. */
      readonly consumer: string | undefined;
    };

/** What became of one parentRef. */
export type ParentFact = { readonly parent: ParentReference } & (
  | { readonly kind: "attached"; /** At least one. */ readonly to: readonly Attachment[] }
  /** `foreign`: the parent is another controller's, whose word on the route would be its own. */
  | { readonly kind: "refused" | "foreign"; readonly refusal: Refusal }
);

type Outcome = { readonly to: readonly Attachment[] } | { readonly refusal: Refusal; readonly foreign?: true };

export function attachments(model: Model, listeners: Listeners, route: Item<"HTTPRoute">): ParentFact[] {
  return route.spec.parentRefs.map((parent, index) => {
    const outcome = attach(model, listeners, route, parent, `spec.parentRefs[${index}]`);
    if ("to" in outcome) return { parent, kind: "attached", to: outcome.to };
    return { parent, kind: outcome.foreign ? "foreign" : "refused", refusal: outcome.refusal };
  });
}

function attach(
  model: Model,
  listeners: Listeners,
  route: Item<"HTTPRoute">,
  parent: ParentReference,
  path: string,
): Outcome {
  const { group, kind, namespace = route.metadata.namespace, name } = parent;
  const missing = {
    refusal: refused("NoMatchingParent", "dangling-reference", path, `no ${kind} ${namespace}/${name}`),
  };
  if (group === GATEWAY_API && kind === "Gateway") {
    const gateway = model.find("Gateway", namespace, name);
    if (!gateway) return missing;
    const message = `Gateway ${name} is of another class`;
    if (!isOurs(model, gateway))
      return { refusal: refused("NoMatchingParent", "not-attached", path, message), foreign: true };
    return toListeners(model, listeners, route, gateway, parent, path);
  }
  if (group === GATEWAY_API && kind === "ListenerSet") {
    const set = model.find("ListenerSet", namespace, name);
    if (!set) return missing;
    const { gateway, refusal } = listeners.setOf(set);
    if (refusal && refusal.reason !== "ListenersNotValid") {
      const message = `ListenerSet ${name} is not attached: ${refusal.message}`;
      return { refusal: refused("NoMatchingParent", "not-attached", path, message) };
    }
    const message = `the Gateway of ListenerSet ${name} is of another class`;
    if (!gateway) return { refusal: refused("NoMatchingParent", "not-attached", path, message), foreign: true };
    return toListeners(model, listeners, route, set, parent, path);
  }
  if (group === "" && kind === "Service") {
    const service = model.find("Service", namespace, name);
    return service ? toService(route, service, parent, path) : missing;
  }
  const message = `a route attaches to a Gateway, a ListenerSet or a Service, not to ${kind} of group "${group}"`;
  return { refusal: refused("NoMatchingParent", "not-carried", path, message) };
}

function toListeners(
  model: Model,
  listeners: Listeners,
  route: Item<"HTTPRoute">,
  owner: ListenerOwner,
  parent: ParentReference,
  path: string,
): Outcome {
  const named = listeners
    .of(owner)
    .filter(({ listener: { name, port } }) => (parent.sectionName ?? name) === name && (parent.port ?? port) === port);
  if (named.length === 0) {
    const names = owner.spec.listeners.map(({ name, port }) => `${name}:${port}`).join(", ");
    const message = "no listener of that name and port";
    return { refusal: refused("NoMatchingParent", "not-attached", path, message, `one of ${names}`) };
  }
  const standing = named.filter(({ refusal }) => refusal?.code !== "conflict");
  if (standing.length === 0) {
    const message = `the listener takes no traffic: ${named[0]?.refusal?.message ?? ""}`;
    return { refusal: refused("NoMatchingParent", "not-attached", path, message) };
  }
  const willing = standing.filter((fact) => !fact.refusal && allows(model, fact, route));
  if (willing.length === 0) {
    const message = "the listener does not allow this route";
    const fix = "see the listener's allowedRoutes";
    return { refusal: refused("NotAllowedByListeners", "not-permitted", path, message, fix) };
  }
  const to = willing.flatMap((at): Attachment[] => {
    const hostnames = intersect(at.listener.hostname, route.spec.hostnames);
    return hostnames.length > 0 ? [{ kind: "listener", at, hostnames }] : [];
  });
  if (to.length > 0) return { to };
  const message = "none of the route's hostnames is within the listener's";
  const fix = "make the hostnames overlap";
  return { refusal: refused("NoMatchingListenerHostname", "not-attached", path, message, fix) };
}

function toService(route: Item<"HTTPRoute">, service: Item<"Service">, parent: ParentReference, path: string): Outcome {
  const { namespace } = route.metadata;
  const ports = httpPorts(service).filter(
    ({ port, name = "" }) => (parent.port ?? port) === port && (parent.sectionName ?? name) === name,
  );
  const consumer = namespace === service.metadata.namespace ? undefined : namespace;
  if (ports.length > 0) return { to: [{ kind: "service", service, ports: ports.map(({ port }) => port), consumer }] };
  const message = `Service ${service.metadata.name} has no such port`;
  return { refusal: refused("NoMatchingParent", "not-attached", path, message) };
}

const refused = (
  reason: "NoMatchingParent" | "NotAllowedByListeners" | "NoMatchingListenerHostname",
  code: Refusal["code"],
  path: string,
  message: string,
  fix?: string,
): Refusal => ({ reason, code, path, message, ...(fix === undefined ? {} : { fix }) });

function allows(model: Model, { owner, listener }: ListenerFact, route: Item<"HTTPRoute">): boolean {
  const { namespaces, kinds } = listener.allowedRoutes;
  if (kinds.length > 0 && !kinds.some(({ group, kind }) => group === GATEWAY_API && kind === route.kind)) return false;
  return allowsNamespace(model, namespaces, owner.metadata.namespace, route.metadata.namespace);
}

/** What policies may target on the way to a route, least specific first. */
export function policyTargets(attachment: Attachment): Target[] {
  if (attachment.kind === "service") return [{ kind: "Service", ...nameOf(attachment.service) }];
  return listenerTargets(attachment.at);
}

export function listenerTargets({ gateway, owner, listener }: ListenerFact): Target[] {
  const target: Target = { kind: owner.kind, ...nameOf(owner) };
  return [
    ...(owner === gateway ? [] : [{ kind: "Gateway", ...nameOf(gateway) }]),
    target,
    { ...target, section: listener.name },
  ];
}

/** The hostnames under which a route answers at a listener: empty text for any host, no element for none. */
export function intersect(listener: string | undefined, routes: readonly string[]): string[] {
  if (routes.length === 0) return [listener ?? ""];
  if (listener === undefined) return [...new Set(routes)];
  const both = routes.flatMap((route) => {
    if (covers(listener, route)) return [route];
    return covers(route, listener) ? [listener] : [];
  });
  return [...new Set(both)];
}

/** `*.a.b` covers x.a.b, x.y.a.b and *.x.a.b, and not a.b itself. */
const covers = (wide: string, narrow: string): boolean =>
  wide === narrow || (wide.startsWith("*.") && narrow.replace(/^\*/, "").endsWith(wide.slice(1)));

const nameOf = ({
  metadata: { namespace, name },
}: {
  readonly metadata: { readonly namespace: string; readonly name: string };
}) => ({
  namespace,
  name,
});
