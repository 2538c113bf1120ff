/** Addresses in the configuration that no edge contacts outside a local mesh: control refuses them where they are written. */
import { reservedFor } from "../egress.ts";
import type { Problem } from "../problem.ts";
import { type Resource, titleOf } from "../resources/resource.ts";
import { type Item, model } from "./model.ts";

/** One error for each, located by resource and path. */
export function* reservedAddresses(resources: readonly Resource[]): Iterable<Problem> {
  const { all } = model(resources);
  const found = (item: object, path: string, host: string, fix: string): Problem[] => {
    const kind = reservedFor(host);
    if (kind === undefined) return [];
    const message = `${host} is a ${kind} address, which an edge does not contact`;
    return [{ severity: "error", code: "reserved-address", resource: titleOf(item as Resource), path, message, fix }];
  };
  for (const backend of all("Backend"))
    for (const [index, { url = "" }] of backend.spec.endpoints.entries())
      if (!backend.spec.allowReserved.includes(hostOf(url)))
        yield* found(
          backend,
          `spec.endpoints[${index}].url`,
          hostOf(url),
          `name another host, or add ${hostOf(url)} to spec.allowReserved`,
        );
  for (const slice of all("EndpointSlice"))
    for (const [index, { addresses }] of slice.endpoints.entries())
      yield* found(slice, `endpoints[${index}].addresses[0]`, bracketed(addresses[0] ?? ""), BY_BACKEND);
  for (const service of all("Service"))
    if (service.spec.type === "ExternalName")
      yield* found(service, "spec.externalName", service.spec.externalName ?? "", BY_BACKEND);
  for (const policy of all("AuthenticationPolicy")) yield* keysOf(policy, found);
}

const BY_BACKEND = "name another host, or use a Backend with spec.allowReserved";

type Found = (item: object, path: string, host: string, fix: string) => Problem[];

function* keysOf(policy: Item<"AuthenticationPolicy">, found: Found): Iterable<Problem> {
  for (const [index, { jwksUri = "" }] of policy.spec.jwtRules.entries())
    yield* found(
      policy,
      `spec.jwtRules[${index}].jwksUri`,
      hostOf(jwksUri),
      "publish the keys elsewhere, or write them out",
    );
}

const bracketed = (address: string): string => (address.includes(":") ? `[${address}]` : address);

/** Without scheme, port and path; empty of what is no URL. */
const hostOf = (url: string): string => /^https?:\/\/(\[[^\]]*\]|[^:/?#]+)/.exec(url)?.[1] ?? "";
