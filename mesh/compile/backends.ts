/** What a backendRef points at, and the endpoints that answer for it. */
import { reservedFor } from "../egress.ts";
import { GATEWAY_API, SELVEDGE_API } from "../resources/kind.ts";
import { SERVICE_NAME_LABEL } from "../resources/core.ts";
import type { ObjectReference } from "../resources/http-route.ts";
import type { Backend, Endpoint } from "../snapshot.ts";
import { healthCheckOf } from "./health-checks.ts";
import type { Grants, Referred } from "./grants.ts";
import type { Item, Model, Refusal } from "./model.ts";
import type { Target } from "./policies.ts";

/** A backend by its own name, and what policies may target it by. */
export type Destination = {
  readonly backend: Backend;
  readonly target: { readonly kind: "Service" | "Backend"; readonly namespace: string; readonly name: string };
};

export type Destinations = {
  /** What a reference leads to, or why to nothing. `parents` are what the route is reached through. */
  readonly refer: (
    route: Item<"HTTPRoute">,
    ref: ObjectReference,
    path: string,
    parents: readonly Target[],
  ) => Referent | Refusal;
  /** The backend behind a reference; undefined, with the reason reported, where there is none. */
  readonly resolve: (
    route: Item<"HTTPRoute">,
    ref: ObjectReference,
    path: string,
    parents: readonly Target[],
  ) => Destination | undefined;
  readonly ofService: (service: Item<"Service">, port: number) => Destination;
  readonly ofBackend: (backend: Item<"Backend">) => Destination;
};

/** Each destination is made once and then shared: thousands of routes may name one Service. */
export function destinations(model: Model, grants: Grants): Destinations {
  const slices = Map.groupBy(
    model.all("EndpointSlice"),
    ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ""}`,
  );
  const known = new Map<string, Destination>();
  const once = (key: string, make: () => Destination): Destination => {
    const made = known.get(key) ?? make();
    known.set(key, made);
    return made;
  };
  const ofBackend: Destinations["ofBackend"] = (backend) =>
    once(`Backend/${nameOf(backend)}`, () => backendDestination(backend));
  const ofService: Destinations["ofService"] = (service, port) =>
    once(`Service/${nameOf(service)}:${port}`, () =>
      serviceDestination(model, slices.get(nameOf(service)) ?? [], service, port),
    );
  const refer: Destinations["refer"] = (...asked) => referent(model, grants, ...asked);
  const resolve: Destinations["resolve"] = (route, ref, path, parents) => {
    const found = refer(route, ref, path, parents);
    if ("reason" in found) {
      model.refuse(route, found);
      return undefined;
    }
    return found.kind === "Backend" ? ofBackend(found.item) : ofService(found.item, found.port);
  };
  return { refer, resolve, ofService, ofBackend };
}

/** A Service's ports that a request of HTTP can come to: all but those of UDP and SCTP. */
export const httpPorts = ({ spec }: Item<"Service">) => spec.ports.filter(({ protocol }) => protocol === "TCP");

const nameOf = ({ metadata: { namespace, name } }: Item<"Service" | "Backend">): string => `${namespace}/${name}`;

type Referent =
  | { readonly kind: "Backend"; readonly item: Item<"Backend"> }
  | { readonly kind: "Service"; readonly item: Item<"Service">; readonly port: number };

/** GEP-1911: a backend whose protocol cannot be spoken is an invalid one. */
const H2C = "kubernetes.io/h2c";

function referent(
  model: Model,
  grants: Grants,
  route: Item<"HTTPRoute">,
  ref: ObjectReference,
  path: string,
  parents: readonly Target[],
): Referent | Refusal {
  const { group, kind, name, port, namespace = route.metadata.namespace } = ref;
  const title = `${kind} ${namespace}/${name}`;
  const to = { group, kind, namespace, name };
  if (!isParent(parents, to) && !grants({ group: GATEWAY_API, kind: route.kind, ...route.metadata }, to)) {
    const message = `${title} lies in another namespace`;
    return {
      reason: "RefNotPermitted",
      code: "not-permitted",
      path,
      message,
      fix: `add a ReferenceGrant in ${namespace}`,
    };
  }
  const none: Refusal = { reason: "BackendNotFound", code: "dangling-reference", path, message: `no ${title}` };
  if (group === SELVEDGE_API && kind === "Backend") {
    const item = model.find("Backend", namespace, name);
    return item ? { kind, item } : none;
  }
  if (group !== "" || kind !== "Service") {
    const message = `a backendRef names a Service or a Backend, not ${kind} of group "${group}"`;
    return { reason: "InvalidKind", code: "not-carried", path, message };
  }
  const item = model.find("Service", namespace, name);
  if (!item) return none;
  if (port === undefined)
    return { ...none, code: "invalid-value", path: `${path}.port`, message: "a Service needs a port" };
  const found = httpPorts(item).find((one) => one.port === port);
  if (found?.appProtocol === H2C) {
    const message = `port ${port} of ${title} speaks HTTP/2 without TLS, which fetch does not`;
    return { reason: "UnsupportedProtocol", code: "not-carried", path, message };
  }
  if (found) return { kind, item, port };
  const ports = httpPorts(item).map((one) => one.port);
  const message = `${title} has no port ${port}`;
  return { ...none, path: `${path}.port`, message, ...(ports.length > 0 && { fix: `one of ${ports.join(", ")}` }) };
}

function backendDestination(item: Item<"Backend">): Destination {
  const {
    metadata: { namespace, name },
    spec,
  } = item;
  const endpoints = spec.endpoints
    .filter(({ weight }) => weight > 0)
    .map(({ url, binding, weight, zone, priority }): Endpoint => {
      const standing = { weight, ...(zone !== undefined && { zone }), ...(priority > 0 && { priority }) };
      if (binding !== undefined) return { kind: "binding", binding, ...standing };
      const [, origin = "", path = ""] = /^(https?:\/\/[^/]+)(.*)$/.exec(url ?? "") ?? [];
      const allowed = spec.allowReserved.includes(hostOf(origin));
      return { kind: "url", origin, path: path.replace(/\/+$/, ""), ...(allowed ? {} : egress(origin)), ...standing };
    });
  const health = healthCheckOf(item);
  return {
    backend: { name: `Backend/${namespace}/${name}`, endpoints, ...(health && { health }) },
    target: { kind: "Backend", namespace, name },
  };
}

/**
 * A Service's endpoints are its EndpointSlices', or its external name, or those of the Backend of its own name,
 * which is how a Service outside Kubernetes says where it runs.
 */
function serviceDestination(
  model: Model,
  slices: readonly Item<"EndpointSlice">[],
  service: Item<"Service">,
  port: number,
): Destination {
  const { namespace, name } = service.metadata;
  return {
    backend: { name: `Service/${nameOf(service)}:${port}`, ...serviceEndpoints(model, slices, service, port) },
    target: { kind: "Service", namespace, name },
  };
}

function serviceEndpoints(
  model: Model,
  slices: readonly Item<"EndpointSlice">[],
  service: Item<"Service">,
  port: number,
): Omit<Backend, "name"> {
  const { namespace, name } = service.metadata;
  const servicePort = httpPorts(service).find((one) => one.port === port);
  if (slices.length > 0) {
    const endpoints = slices.flatMap((slice) => {
      const slicePort = slice.ports.find((one) => (one.name ?? "") === (servicePort?.name ?? ""));
      if (slicePort?.port === undefined) return [];
      const scheme = schemeOf(servicePort?.appProtocol ?? slicePort.appProtocol);
      return slice.endpoints
        .filter(({ conditions }) => conditions?.ready !== false)
        .map(({ addresses: [address = ""], zone }) => ({
          ...at(scheme, address, slicePort.port!), // checked above
          ...(zone !== undefined && { zone }),
        }));
    });
    // While an endpoint moves from slice to slice it may stand in both (EndpointSlice, "Duplicate endpoints").
    return { endpoints: [...new Map(endpoints.map((endpoint) => [endpoint.origin, endpoint])).values()] };
  }
  if (service.spec.type === "ExternalName" && service.spec.externalName !== undefined)
    return { endpoints: [at(schemeOf(servicePort?.appProtocol), service.spec.externalName, port)] };
  const backend = model.find("Backend", namespace, name);
  if (!backend) return { endpoints: [] };
  const { endpoints, health } = backendDestination(backend).backend;
  return { endpoints, ...(health && { health }) };
}

function at(scheme: string, host: string, port: number): Extract<Endpoint, { kind: "url" }> {
  const origin = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { kind: "url", origin, path: "", weight: 1, ...egress(origin) };
}

/** Without scheme and port. */
const hostOf = (origin: string): string => origin.replace(/^https?:\/\//, "").replace(/:\d+$/, "");

const egress = (origin: string): { readonly reserved?: true } =>
  reservedFor(hostOf(origin)) === undefined ? {} : { reserved: true };

const schemeOf = (appProtocol: string | undefined): string =>
  appProtocol === "https" || appProtocol === "kubernetes.io/wss" ? "https" : "http";

/**
 * A consumer route may send on to the Service that its callers asked for: they could call it without the route. What reaches
 * the same route through a Gateway could not.
 */
const isParent = (parents: readonly Target[], to: Referred): boolean =>
  to.group === "" &&
  parents.some(({ kind, namespace, name }) => kind === to.kind && namespace === to.namespace && name === to.name);
