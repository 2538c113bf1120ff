/**
 * What an edge deployment serves: everything, as a gateway does; the services and Gateways of some namespaces, between teams; or
 * single services, as a sidecar. The same data plane each time: what differs is which requests it takes and what it loads.
 */
export type Grain =
  | { readonly kind: "everything" }
  /** Names of namespaces, and `service.namespace`. */
  | { readonly kind: "some"; readonly namespaces: ReadonlySet<string>; readonly services: ReadonlySet<string> };

export const EVERYTHING: Grain = { kind: "everything" };

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const NAMESPACE = new RegExp(`^namespace/(?<namespace>${LABEL})$`);
const SERVICE = new RegExp(`^service/(?<namespace>${LABEL})/(?<name>${LABEL})$`);

/**
 * `everything` (or nothing), or a list with commas between of `namespace/NAMESPACE` and `service/NAMESPACE/NAME`. Throws an Error that
 * says what is wrong: an edge that was meant to serve little must not serve everything.
 */
export function parseGrain(text: string): Grain {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length === 1 && (parts[0] === "" || parts[0] === "everything")) return EVERYTHING;
  const namespaces = new Set<string>();
  const services = new Set<string>();
  for (const part of parts) {
    const namespace = NAMESPACE.exec(part)?.groups;
    const service = SERVICE.exec(part)?.groups;
    if (namespace) namespaces.add(namespace.namespace!);
    else if (service) services.add(`${service.name}.${service.namespace}`);
    else
      throw new Error(
        `SCOPE: "${part}" is no scope; write everything, or namespace/<namespace> and service/<namespace>/<name> with commas between`,
      );
  }
  return { kind: "some", namespaces, services };
}

/** `service` is `service.namespace`. */
export const servesService = (grain: Grain, service: string): boolean =>
  grain.kind === "everything" ||
  grain.services.has(service) ||
  grain.namespaces.has(service.slice(service.indexOf(".") + 1));

/** `gateway` is `namespace/name`: a Gateway is served where its namespace is. */
export const servesGateway = (grain: Grain, gateway: string): boolean =>
  grain.kind === "everything" || grain.namespaces.has(gateway.slice(0, gateway.indexOf("/")));
