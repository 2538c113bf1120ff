/** Which listeners and Services a route attaches to, and why not to the others (Gateway API, "Attaching to Gateways"). */
import { BUILT_IN_CLASS, CONTROLLER_NAME } from "../resources/gateway-class.ts";
import type { Listener } from "../resources/gateway.ts";
import { GATEWAY_API } from "../resources/kind.ts";
import type { ParentReference } from "../resources/parts.ts";
import { httpPorts } from "./backends.ts";
import type { Item, Model } from "./model.ts";

export type Attachment =
  | {
      readonly kind: "listener";
      readonly gateway: Item<"Gateway">;
      readonly listener: Listener;
      readonly hostnames: readonly string[];
    }
  | {
      readonly kind: "service";
      readonly service: Item<"Service">;
      readonly ports: readonly number[];
      /** The namespace whose callers alone the route is for; undefined where it is the Service's own. */
      readonly consumer: string | undefined;
    };

export function attachments(model: Model, route: Item<"HTTPRoute">): Attachment[] {
  return route.spec.parentRefs.flatMap((parent, index) => attach(model, route, parent, `spec.parentRefs[${index}]`));
}

function attach(model: Model, route: Item<"HTTPRoute">, parent: ParentReference, path: string): Attachment[] {
  const { group, kind, namespace = route.metadata.namespace, name } = parent;
  if (group === GATEWAY_API && kind === "Gateway") {
    const gateway = model.find("Gateway", namespace, name);
    if (gateway) return toGateway(model, route, gateway, parent, path);
    model.warn(route, "dangling-reference", path, `no Gateway ${namespace}/${name}`);
    return [];
  }
  if (group === "" && kind === "Service") {
    const service = model.find("Service", namespace, name);
    if (service) return toService(model, route, service, parent, path);
    model.warn(route, "dangling-reference", path, `no Service ${namespace}/${name}`);
    return [];
  }
  model.warn(
    route,
    "not-carried",
    path,
    `a route attaches to a Gateway or a Service, not to ${kind} of group "${group}"`,
  );
  return [];
}

function toGateway(
  model: Model,
  route: Item<"HTTPRoute">,
  gateway: Item<"Gateway">,
  parent: ParentReference,
  path: string,
): Attachment[] {
  if (!isOurs(model, gateway)) {
    model.warn(route, "not-attached", path, `Gateway ${gateway.metadata.name} is of another class`);
    return [];
  }
  const named = gateway.spec.listeners.filter(
    ({ name, port }) => (parent.sectionName ?? name) === name && (parent.port ?? port) === port,
  );
  if (named.length === 0) {
    const names = gateway.spec.listeners.map(({ name, port }) => `${name}:${port}`).join(", ");
    model.warn(route, "not-attached", path, "no listener of that name and port", `one of ${names}`);
    return [];
  }
  const willing = named.filter((listener) => isCarried(listener) && allows(model, gateway, listener, route));
  if (willing.length === 0) {
    model.warn(
      route,
      "not-permitted",
      path,
      "the listener does not allow this route",
      "see the listener's allowedRoutes",
    );
    return [];
  }
  const attached = willing.flatMap((listener): Attachment[] => {
    const hostnames = intersect(listener.hostname, route.spec.hostnames);
    return hostnames.length > 0 ? [{ kind: "listener", gateway, listener, hostnames }] : [];
  });
  if (attached.length === 0)
    model.warn(
      route,
      "not-attached",
      path,
      `none of the route's hostnames is within the listener's`,
      "make the hostnames overlap",
    );
  return attached;
}

function toService(
  model: Model,
  route: Item<"HTTPRoute">,
  service: Item<"Service">,
  parent: ParentReference,
  path: string,
): Attachment[] {
  const { namespace } = route.metadata;
  const ports = httpPorts(service).filter(
    ({ port, name = "" }) => (parent.port ?? port) === port && (parent.sectionName ?? name) === name,
  );
  if (ports.length === 0) {
    model.warn(route, "not-attached", path, `Service ${service.metadata.name} has no such port`);
    return [];
  }
  const consumer = namespace === service.metadata.namespace ? undefined : namespace;
  return [{ kind: "service", service, ports: ports.map(({ port }) => port), consumer }];
}

/** Gateways of the class `selvedge`, which needs no GatewayClass, and of any class whose controller is ours. */
export function isOurs(model: Model, { spec: { gatewayClassName } }: Item<"Gateway">): boolean {
  if (gatewayClassName === BUILT_IN_CLASS) return true;
  return model
    .all("GatewayClass")
    .some(({ metadata, spec }) => metadata.name === gatewayClassName && spec.controllerName === CONTROLLER_NAME);
}

/** A Worker sees requests of HTTP and HTTPS; TLS that passes through, and other protocols, never reach it. */
export const isCarried = ({ protocol, tls }: Listener): boolean =>
  protocol === "HTTP" || (protocol === "HTTPS" && tls?.mode !== "Passthrough");

function allows(
  model: Model,
  gateway: Item<"Gateway">,
  { allowedRoutes }: Listener,
  route: Item<"HTTPRoute">,
): boolean {
  const { namespaces, kinds } = allowedRoutes;
  if (kinds.length > 0 && !kinds.some(({ group, kind }) => group === GATEWAY_API && kind === "HTTPRoute")) return false;
  switch (namespaces.from) {
    case "All":
      return true;
    case "Same":
      return route.metadata.namespace === gateway.metadata.namespace;
    case "None":
      return false;
    case "Selector":
      // No selector is no permission; an empty one selects all.
      return (
        namespaces.selector !== undefined &&
        selects(namespaces.selector, model.namespaceLabels(route.metadata.namespace))
      );
  }
}

type Selector = NonNullable<Listener["allowedRoutes"]["namespaces"]["selector"]>;

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
