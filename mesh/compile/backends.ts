/** What a backendRef points at, and the endpoints that answer for it. */
import { GATEWAY_API, SELVEDGE_API } from "../resources/kind.ts";
import { SERVICE_NAME_LABEL } from "../resources/core.ts";
import type { BackendRef } from "../resources/http-route.ts";
import type { Backend, Endpoint } from "../snapshot.ts";
import type { Item, Model } from "./model.ts";
import type { Target } from "./policies.ts";

/** A backend by its own name, and what policies may target it by. */
export type Destination = {
  readonly backend: Backend;
  readonly target: { readonly kind: "Service" | "Backend"; readonly namespace: string; readonly name: string };
};

export type Destinations = {
  /**
   * The backend behind a reference; undefined, with the reason reported, where there is none. `parents` are what the route
   * is reached through.
   */
  readonly resolve: (
    route: Item<"HTTPRoute">,
    ref: RouteReference,
    path: string,
    parents: readonly Target[],
  ) => Destination | undefined;
  readonly ofService: (service: Item<"Service">, port: number) => Destination;
  readonly ofBackend: (backend: Item<"Backend">) => Destination;
};

/** A mirror's reference has no weight. */
type RouteReference = Pick<BackendRef, "group" | "kind" | "namespace" | "name" | "port">;

/** Each destination is made once and then shared: thousands of routes may name one Service. */
export function destinations(model: Model): Destinations {
  const grants = Map.groupBy(model.all("ReferenceGrant"), ({ metadata }) => metadata.namespace);
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
  const resolve: Destinations["resolve"] = (route, ref, path, parents) => {
    const found = referent(model, grants.get(ref.namespace ?? "") ?? [], route, ref, path, parents);
    if (!found) return undefined;
    return found.kind === "Backend" ? ofBackend(found.item) : ofService(found.item, found.port);
  };
  return { resolve, ofService, ofBackend };
}

/** A Service's ports that a request of HTTP can come to: all but those of UDP and SCTP. */
export const httpPorts = ({ spec }: Item<"Service">) => spec.ports.filter(({ protocol }) => protocol === "TCP");

const nameOf = ({ metadata: { namespace, name } }: Item<"Service" | "Backend">): string => `${namespace}/${name}`;

type Referent =
  | { readonly kind: "Backend"; readonly item: Item<"Backend"> }
  | { readonly kind: "Service"; readonly item: Item<"Service">; readonly port: number };

function referent(
  model: Model,
  grants: readonly Item<"ReferenceGrant">[],
  route: Item<"HTTPRoute">,
  ref: RouteReference,
  path: string,
  parents: readonly Target[],
): Referent | undefined {
  const { group, kind, name, port, namespace = route.metadata.namespace } = ref;
  const to = { group, kind, namespace, name };
  if (namespace !== route.metadata.namespace && !isParent(parents, to) && !isGranted(grants, route, to)) {
    const message = `${kind} ${namespace}/${name} lies in another namespace`;
    model.warn(route, "not-permitted", path, message, `add a ReferenceGrant in ${namespace}`);
    return undefined;
  }
  if (group === SELVEDGE_API && kind === "Backend") {
    const backend = model.find("Backend", namespace, name);
    if (backend) return { kind, item: backend };
  } else if (group === "" && kind === "Service") {
    const service = model.find("Service", namespace, name);
    if (service && port === undefined) {
      model.warn(route, "invalid-value", `${path}.port`, "a Service needs a port");
      return undefined;
    }
    if (service && port !== undefined) {
      const ports = httpPorts(service).map((one) => one.port);
      if (ports.includes(port)) return { kind, item: service, port };
      model.warn(
        route,
        "dangling-reference",
        `${path}.port`,
        `Service ${namespace}/${name} has no port ${port}`,
        ports.length > 0 ? `one of ${ports.join(", ")}` : undefined,
      );
      return undefined;
    }
  } else {
    model.warn(
      route,
      "not-carried",
      path,
      `a backendRef names a Service or a Backend, not ${kind} of group "${group}"`,
    );
    return undefined;
  }
  model.warn(route, "dangling-reference", path, `no ${kind} ${namespace}/${name}`);
  return undefined;
}

function backendDestination({ metadata: { namespace, name }, spec }: Item<"Backend">): Destination {
  const endpoints = spec.endpoints
    .filter(({ weight }) => weight > 0)
    .map(({ url, binding, weight }): Endpoint => {
      if (binding !== undefined) return { kind: "binding", binding, weight };
      const [, origin = "", path = ""] = /^(https?:\/\/[^/]+)(.*)$/.exec(url ?? "") ?? [];
      return { kind: "url", origin, path: path.replace(/\/+$/, ""), weight };
    });
  return {
    backend: { name: `Backend/${namespace}/${name}`, endpoints },
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
    backend: { name: `Service/${nameOf(service)}:${port}`, endpoints: serviceEndpoints(model, slices, service, port) },
    target: { kind: "Service", namespace, name },
  };
}

function serviceEndpoints(
  model: Model,
  slices: readonly Item<"EndpointSlice">[],
  service: Item<"Service">,
  port: number,
): readonly Endpoint[] {
  const { namespace, name } = service.metadata;
  const servicePort = httpPorts(service).find((one) => one.port === port);
  if (slices.length > 0) {
    const endpoints = slices.flatMap((slice) => {
      const slicePort = slice.ports.find((one) => (one.name ?? "") === (servicePort?.name ?? ""));
      if (slicePort?.port === undefined) return [];
      const scheme = schemeOf(servicePort?.appProtocol ?? slicePort.appProtocol);
      return slice.endpoints
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses }) => addresses.slice(0, 1))
        .map((address) => at(scheme, address, slicePort.port!)); // checked above
    });
    // While an endpoint moves from slice to slice it may stand in both (EndpointSlice, "Duplicate endpoints").
    return [...new Map(endpoints.map((endpoint) => [endpoint.origin, endpoint])).values()];
  }
  if (service.spec.type === "ExternalName" && service.spec.externalName !== undefined)
    return [at(schemeOf(servicePort?.appProtocol), service.spec.externalName, port)];
  const backend = model.find("Backend", namespace, name);
  return backend ? backendDestination(backend).backend.endpoints : [];
}

const at = (scheme: string, host: string, port: number): Extract<Endpoint, { kind: "url" }> => ({
  kind: "url",
  origin: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`,
  path: "",
  weight: 1,
});

const schemeOf = (appProtocol: string | undefined): string =>
  appProtocol === "https" || appProtocol === "kubernetes.io/wss" ? "https" : "http";

type Reference = { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string };

/**
 * A consumer route may send on to the Service that its callers asked for: they could call it without the route. What reaches
 * the same route through a Gateway could not.
 */
const isParent = (parents: readonly Target[], to: Reference): boolean =>
  to.group === "" &&
  parents.some(({ kind, namespace, name }) => kind === to.kind && namespace === to.namespace && name === to.name);

/** Whether one of the grants of the referent's namespace lets the route refer to it. */
function isGranted(grants: readonly Item<"ReferenceGrant">[], route: Item<"HTTPRoute">, to: Reference): boolean {
  return grants.some(
    ({ spec }) =>
      spec.from.some(
        (from) =>
          from.group === GATEWAY_API && from.kind === "HTTPRoute" && from.namespace === route.metadata.namespace,
      ) &&
      spec.to.some(({ group, kind, name }) => group === to.group && kind === to.kind && (name ?? to.name) === to.name),
  );
}
