/** What a backendRef points at, and the endpoints that answer for it. */
import { GATEWAY_API, SELVEDGE_API } from "../resources/kind.ts";
import { SERVICE_NAME_LABEL } from "../resources/core.ts";
import type { BackendRef } from "../resources/http-route.ts";
import type { Backend, Endpoint } from "../snapshot.ts";
import type { Item, Model } from "./model.ts";

/** A backend by its own name, and what policies may target it by. */
export type Destination = {
  readonly backend: Backend;
  readonly target: { readonly kind: "Service" | "Backend"; readonly namespace: string; readonly name: string };
};

/** The backend behind a reference; undefined, with the reason reported, where there is none. */
export function resolve(
  model: Model,
  route: Item<"HTTPRoute">,
  ref: BackendRef,
  path: string,
): Destination | undefined {
  const { group, kind, name, port, namespace = route.metadata.namespace } = ref;
  if (namespace !== route.metadata.namespace && !isGranted(model, route, { group, kind, namespace, name })) {
    const message = `${kind} ${namespace}/${name} lies in another namespace`;
    model.warn(route, "not-permitted", path, message, `add a ReferenceGrant in ${namespace}`);
    return undefined;
  }
  if (group === SELVEDGE_API && kind === "Backend") {
    const backend = model.find("Backend", namespace, name);
    if (backend) return backendDestination(backend);
  } else if (group === "" && kind === "Service") {
    const service = model.find("Service", namespace, name);
    if (service && port === undefined) {
      model.warn(route, "invalid-value", `${path}.port`, "a Service needs a port");
      return undefined;
    }
    if (service?.spec.ports.some((known) => known.port === port)) return serviceDestination(model, service, port!);
    if (service) {
      const known = service.spec.ports.map((one) => one.port).join(", ");
      model.warn(
        route,
        "dangling-reference",
        `${path}.port`,
        `Service ${namespace}/${name} has no port ${port}`,
        `one of ${known}`,
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

export function backendDestination({ metadata: { namespace, name }, spec }: Item<"Backend">): Destination {
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
export function serviceDestination(model: Model, service: Item<"Service">, port: number): Destination {
  const { namespace, name } = service.metadata;
  return {
    backend: { name: `Service/${namespace}/${name}:${port}`, endpoints: serviceEndpoints(model, service, port) },
    target: { kind: "Service", namespace, name },
  };
}

function serviceEndpoints(model: Model, service: Item<"Service">, port: number): readonly Endpoint[] {
  const { namespace, name } = service.metadata;
  const servicePort = service.spec.ports.find((one) => one.port === port);
  const slices = model
    .all("EndpointSlice")
    .filter(({ metadata }) => metadata.namespace === namespace && metadata.labels?.[SERVICE_NAME_LABEL] === name);
  if (slices.length > 0)
    return slices.flatMap((slice) => {
      const slicePort = slice.ports.find((one) => (one.name ?? "") === (servicePort?.name ?? ""));
      if (slicePort?.port === undefined) return [];
      const scheme = schemeOf(servicePort?.appProtocol ?? slicePort.appProtocol);
      return slice.endpoints
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses }) => addresses.slice(0, 1))
        .map((address) => at(scheme, address, slicePort.port!));
    });
  if (service.spec.type === "ExternalName" && service.spec.externalName !== undefined)
    return [at(schemeOf(servicePort?.appProtocol), service.spec.externalName, port)];
  const backend = model.find("Backend", namespace, name);
  return backend ? backendDestination(backend).backend.endpoints : [];
}

const at = (scheme: string, host: string, port: number): Endpoint => ({
  kind: "url",
  origin: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`,
  path: "",
  weight: 1,
});

const schemeOf = (appProtocol: string | undefined): string =>
  appProtocol === "https" || appProtocol === "kubernetes.io/wss" ? "https" : "http";

function isGranted(
  model: Model,
  route: Item<"HTTPRoute">,
  to: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string },
): boolean {
  return model
    .all("ReferenceGrant")
    .some(
      ({ metadata, spec }) =>
        metadata.namespace === to.namespace &&
        spec.from.some(
          (from) =>
            from.group === GATEWAY_API && from.kind === "HTTPRoute" && from.namespace === route.metadata.namespace,
        ) &&
        spec.to.some(
          ({ group, kind, name }) => group === to.group && kind === to.kind && (name ?? to.name) === to.name,
        ),
    );
}
