/** A rule's and a backendRef's filters, each as the layer that carries it out. */
import type { CorsFilter, HeaderModifier, PathModifier, RequestMirror, RouteFilter } from "../resources/http-route.ts";
import type { Backend, HeaderChanges, PathChange, Policy } from "../snapshot.ts";
import type { MirrorCompare } from "../policies/mirror-compare.ts";
import type { Destinations } from "./backends.ts";
import type { Interned } from "../interned.ts";
import type { Item, Model } from "./model.ts";
import type { Policies, Target } from "./policies.ts";

type Compiling = {
  readonly model: Model;
  readonly policies: Policies;
  readonly destinations: Destinations;
  readonly backends: Interned<Backend>;
};
/** A route, what it was reached through, and the rule's name, `namespace/route/rule`. */
type Reached = { readonly route: Item<"HTTPRoute">; readonly targets: readonly Target[]; readonly rule: string };

export const filterLayers = (
  compiling: Compiling,
  from: Reached,
  filters: readonly RouteFilter[],
  path: string,
): Policy[] => filters.flatMap((filter, index) => filterLayer(compiling, from, filter, `${path}.filters[${index}]`));

/** One layer, or none where the filter comes to nothing. */
function filterLayer(compiling: Compiling, from: Reached, filter: RouteFilter, path: string): Policy | [] {
  switch (filter.type) {
    case "RequestHeaderModifier":
      return { kind: "request-headers", ...headerChanges(filter.requestHeaderModifier) };
    case "ResponseHeaderModifier":
      return { kind: "response-headers", ...headerChanges(filter.responseHeaderModifier) };
    case "RequestRedirect": {
      const { statusCode: status, path: to, ...rest } = filter.requestRedirect;
      return { kind: "redirect", status, ...defined(rest), ...(to && { path: pathChange(to) }) };
    }
    case "URLRewrite": {
      const { hostname, path: to } = filter.urlRewrite;
      return { kind: "rewrite", ...defined({ hostname }), ...(to && { path: pathChange(to) }) };
    }
    case "RequestMirror":
      return mirrorLayer(compiling, from, filter.requestMirror, `${path}.requestMirror.backendRef`);
    case "CORS":
      return corsLayer(filter.cors);
    case "ExternalAuth":
    case "ExtensionRef":
      // A filter must not be skipped: what it would have kept out would get through.
      compiling.model.warn(
        from.route,
        "not-carried",
        path,
        `filter ${filter.type} is not programmed: the rule answers 500`,
        "leave it out",
      );
      return { kind: "refuse", reason: `filter ${filter.type}` };
  }
}

/** A mirror that leads nowhere is left out, says Gateway API: the requests themselves must not suffer by it. */
function mirrorLayer(
  { destinations, backends, policies }: Compiling,
  { route, targets, rule }: Reached,
  { backendRef, percent = 100, fraction = { numerator: percent, denominator: 100 } }: RequestMirror,
  path: string,
): Policy | [] {
  const destination = destinations.resolve(route, backendRef, path, targets);
  const share = fraction.numerator / fraction.denominator;
  if (!destination || share === 0) return [];
  const compare = mirrorCompare(policies, targets, rule);
  return { kind: "mirror", backend: backends.index(destination.backend), share, ...(compare && { compare }) };
}

function mirrorCompare(policies: Policies, targets: readonly Target[], rule: string): MirrorCompare | undefined {
  const section = policies.section(targets, "mirrorCompare")?.value;
  return section && { ...section, rule, headers: section.headers.map((name) => name.toLowerCase()) };
}

function corsLayer(cors: CorsFilter): Policy {
  const { allowOrigins, allowCredentials = false, allowMethods, allowHeaders, exposeHeaders, maxAge } = cors;
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  return {
    kind: "cors",
    origins: lower(allowOrigins),
    credentials: allowCredentials,
    methods: allowMethods,
    headers: lower(allowHeaders),
    expose: lower(exposeHeaders),
    maxAgeSeconds: maxAge,
  };
}

const headerChanges = ({ set, add, remove }: HeaderModifier): HeaderChanges => ({
  set: set.map(lowerCased),
  add: add.map(lowerCased),
  remove: remove.map((name) => name.toLowerCase()),
});

const lowerCased = ({ name, value }: { name: string; value: string }) => ({ name: name.toLowerCase(), value });

const pathChange = (modifier: PathModifier): PathChange =>
  modifier.type === "ReplaceFullPath"
    ? { kind: "full", to: modifier.replaceFullPath }
    : { kind: "prefix", to: modifier.replacePrefixMatch };

/** Without the members that are undefined, which `exactOptionalPropertyTypes` tells apart from absent ones. */
function defined<T extends Record<string, unknown>>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
