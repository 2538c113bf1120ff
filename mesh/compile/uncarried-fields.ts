/**
 * Fields that mean something on a cluster and nothing here. They are accepted, so that files made for kubectl apply as they are,
 * and said to be without effect where someone could count on them. What says the same everywhere (clusterIP, nodePort) is not told.
 */
import { CARRIED_METHODS } from "../methods.ts";
import type { Item, Model, Named } from "./model.ts";

type Said = { readonly path: string; readonly why: string; readonly fix?: string };

/** Of all but the routes, which are reported one by one. */
export function reportUncarriedFields(model: Model): void {
  const report = (item: Named, all: readonly Said[]) => reportSaid(model, item, all);
  for (const item of model.all("GatewayClass")) report(item, ofClass(item));
  for (const item of model.all("Gateway")) report(item, ofGateway(item));
  for (const item of model.all("ListenerSet")) report(item, ofListeners(item));
  for (const item of model.all("Service")) report(item, ofService(item));
}

export const reportUncarriedRoute = (model: Model, route: Item<"HTTPRoute">): void =>
  reportSaid(model, route, ofRoute(route));

function reportSaid(model: Model, item: Named, all: readonly Said[]): void {
  for (const { path, why, fix } of all) model.warn(item, "not-carried", path, why, fix);
}

/** Why a GatewayClass or Gateway with parameters is not accepted: what it asks for would not be done. */
export const NO_PARAMETERS = "the mesh takes no parameters by reference";

const said = (holds: boolean, path: string, why: string, fix?: string): Said[] =>
  holds ? [{ path, why, ...(fix !== undefined && { fix }) }] : [];

const ofClass = ({ spec }: Item<"GatewayClass">): Said[] =>
  said(spec.parametersRef !== undefined, "spec.parametersRef", NO_PARAMETERS, "leave it out");

function ofGateway(item: Item<"Gateway">): Said[] {
  const { infrastructure = {}, tls = {}, defaultScope } = item.spec;
  const { parametersRef, labels, annotations } = infrastructure;
  const made = labels !== undefined || annotations !== undefined;
  return [
    ...said(parametersRef !== undefined, "spec.infrastructure.parametersRef", NO_PARAMETERS, "leave it out"),
    ...said(made, "spec.infrastructure", "the mesh makes nothing that could bear labels or annotations"),
    ...said(
      tls.frontend !== undefined,
      "spec.tls.frontend",
      "clients' certificates are not validated by it: TLS ends at the platform",
      "require client certificates there",
    ),
    ...said(
      tls.backend !== undefined,
      "spec.tls.backend",
      "no certificate is presented to backends by it: fetch has none",
      "reach them by a binding that has one",
    ),
    ...said(defaultScope === "All", "spec.defaultScope", NO_DEFAULTS, "name the Gateway in the routes' parentRefs"),
    ...ofListeners(item),
  ];
}

const NO_DEFAULTS = "no route attaches to a Gateway that it does not name";

const ofListeners = ({ spec }: Item<"Gateway"> | Item<"ListenerSet">): Said[] =>
  spec.listeners.flatMap(({ tls }, index) =>
    said(tls?.options !== undefined, `spec.listeners[${index}].tls.options`, "TLS is the platform's to configure"),
  );

function ofRoute({ spec }: Item<"HTTPRoute">): Said[] {
  const methods = spec.rules.flatMap(({ matches }, rule) =>
    matches.flatMap(({ method }, match) =>
      said(
        method !== undefined && !CARRIED_METHODS.has(method),
        `spec.rules[${rule}].matches[${match}].method`,
        `the runtime cannot pass ${method} on: it is answered 501`,
        "leave it out",
      ),
    ),
  );
  return [
    ...said(spec.useDefaultGateways === "All", "spec.useDefaultGateways", NO_DEFAULTS, "write parentRefs"),
    ...methods,
  ];
}

function ofService({ spec }: Item<"Service">): Said[] {
  const { sessionAffinity, internalTrafficPolicy, externalTrafficPolicy, trafficDistribution } = spec;
  const near = "endpoints are chosen by weight, wherever the caller is";
  const ports = spec.ports.flatMap(({ protocol }, index) =>
    said(protocol !== "TCP", `spec.ports[${index}].protocol`, `a Worker sees HTTP requests, nothing of ${protocol}`),
  );
  return [
    ...ports,
    ...said(
      sessionAffinity === "ClientIP",
      "spec.sessionAffinity",
      "no caller is kept at an endpoint by its address",
      "use sessionPersistence in an HTTPRoute",
    ),
    ...said(internalTrafficPolicy === "Local", "spec.internalTrafficPolicy", near),
    ...said(externalTrafficPolicy === "Local", "spec.externalTrafficPolicy", near),
    ...said(trafficDistribution !== undefined, "spec.trafficDistribution", near),
    ...said(
      spec.loadBalancerSourceRanges !== undefined,
      "spec.loadBalancerSourceRanges",
      "callers from elsewhere are not kept out by it",
      "use an AuthorizationPolicy with ipBlocks",
    ),
    ...said(
      spec.publishNotReadyAddresses === true,
      "spec.publishNotReadyAddresses",
      "endpoints that are not ready get no requests",
    ),
  ];
}
