/**
 * Gateway API's matching, read off the specification sentence by sentence and tried rule by rule: slow, and plain enough to
 * be believed. It works on resources as written, and shares no code with compile or match. Quotes are from HTTPRoute's
 * and Gateway's API documentation.
 */
export type LinearListener = { readonly name: string; readonly port: number; readonly hostname?: string };
type LinearMatch = {
  readonly path?: { readonly type: "Exact" | "RegularExpression" | "PathPrefix"; readonly value: string };
  readonly method?: string;
  readonly headers?: readonly LinearCondition[];
  readonly queryParams?: readonly LinearCondition[];
};
type LinearCondition = { readonly type?: "Exact" | "RegularExpression"; readonly name: string; readonly value: string };
export type LinearRoute = {
  readonly namespace: string;
  readonly name: string;
  readonly created?: string;
  /** The listener it attaches to; undefined for all of them. */
  readonly sectionName?: string;
  readonly hostnames: readonly string[];
  readonly rules: readonly { readonly matches: readonly LinearMatch[] }[];
};
export type LinearRequest = {
  readonly port: number;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
};

/** `namespace/name rule` of the rule that answers. */
export function linearMatch(
  listeners: readonly LinearListener[],
  routes: readonly LinearRoute[],
  request: LinearRequest,
): string | undefined {
  // "A request … is served by the most specific matching Listener": exact before wildcard, longer before shorter, then none.
  const open = listeners.filter(({ port, hostname }) => port === request.port && hostMatches(hostname, request.host));
  const chosen = open.toSorted((a, b) => hostRank(b.hostname) - hostRank(a.hostname))[0];
  if (!chosen) return undefined;
  const serving = open.filter(({ hostname }) => hostname === chosen.hostname).map(({ name }) => name);

  const ranked = routes
    .filter(({ sectionName }) => sectionName === undefined || serving.includes(sectionName))
    .flatMap((route) =>
      route.rules.flatMap(({ matches }, rule) =>
        (matches.length > 0 ? matches : [{}]).flatMap((match: LinearMatch, index) =>
          hostnamesFor(route, chosen, request.host)
            .filter(() => requestMatches(match, request))
            .map((hostname) => ({ route, rule, index, rank: rankOf(hostname, match) })),
        ),
      ),
    );
  const best = ranked.toSorted(
    (a, b) =>
      compareLists(b.rank, a.rank) ||
      // "The oldest Route based on creation timestamp"; one without stamp has not been created yet.
      compare(a.route.created ?? "9999", b.route.created ?? "9999") ||
      // "The Route appearing first in alphabetical order by "{namespace}/{name}""
      compare(`${a.route.namespace}/${a.route.name}`, `${b.route.namespace}/${b.route.name}`) ||
      // "the FIRST matching rule (in list order)"
      a.rule - b.rule ||
      a.index - b.index,
  )[0];
  return best && `${best.route.namespace}/${best.route.name} ${best.rule}`;
}

/** The names under which a route answers for a host at a listener: of its own and the listener's, the narrower. */
const hostnamesFor = (route: LinearRoute, { hostname }: LinearListener, host: string): (string | undefined)[] =>
  route.hostnames.length === 0
    ? [hostname]
    : route.hostnames
        .filter((own) => hostMatches(own, host))
        .map((own) => (hostRank(own) > hostRank(hostname) ? own : hostname));

/** "*.example.com would match both test.example.com and foo.test.example.com, but not example.com" */
function hostMatches(hostname: string | undefined, host: string): boolean {
  if (hostname === undefined) return true;
  return hostname.startsWith("*.")
    ? host.endsWith(hostname.slice(1)) && host.length >= hostname.length
    : host === hostname;
}

/** "characters in a matching non-wildcard hostname", then "characters in a matching hostname" */
const hostRank = (hostname: string | undefined): number =>
  hostname === undefined ? 0 : hostname.length + (hostname.startsWith("*.") ? 0 : 1000);

function requestMatches(
  { path, method, headers = [], queryParams = [] }: LinearMatch,
  request: LinearRequest,
): boolean {
  return (
    pathMatches(path ?? { type: "PathPrefix", value: "/" }, request.path) &&
    (method === undefined || method === request.method) &&
    firsts(headers, true).every((one) => valueMatches(one, request.headers[one.name.toLowerCase()])) &&
    firsts(queryParams, false).every((one) => valueMatches(one, request.query[one.name]))
  );
}

const valueMatches = ({ type, value }: LinearCondition, given: string | undefined): boolean =>
  type === "RegularExpression" ? given !== undefined && wholly(value).test(given) : given === value;

/** The patterns of the tests mean the same in both syntaxes, and are too small to backtrack far. */
const wholly = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);

/** "Matches based on a URL path prefix split by `/` … done on a path element by element basis"; a trailing slash is ignored. */
function pathMatches({ type, value }: NonNullable<LinearMatch["path"]>, path: string): boolean {
  if (type === "Exact") return path === value;
  if (type === "RegularExpression") return wholly(value).test(path);
  const wanted = value.split("/").filter((segment, index, all) => !(segment === "" && index === all.length - 1));
  const given = path.split("/");
  return wanted.every((segment, index) => given[index] === segment);
}

/** "only the first entry with an equivalent name MUST be considered"; header names are equivalent whatever their case. */
function firsts<T extends { readonly name: string }>(conditions: readonly T[], anyCase: boolean): T[] {
  const fold = ({ name }: T) => (anyCase ? name.toLowerCase() : name);
  return conditions.filter((one, index) => conditions.findIndex((other) => fold(other) === fold(one)) === index);
}

/** "Exact" path; "Prefix" path with largest number of characters; method; headers; query params: more of each is better. */
function rankOf(hostname: string | undefined, match: LinearMatch): number[] {
  const { type, value } = match.path ?? { type: "PathPrefix", value: "/" };
  return [
    hostRank(hostname),
    // docs/decisions/008-regular-expressions.md: after exact, before any prefix; the deepest literal folder, then the longest.
    ["PathPrefix", "RegularExpression", "Exact"].indexOf(type),
    type === "RegularExpression" ? (/^([/\w]*)\//.exec(value)?.[1]?.length ?? 0) : 0,
    value.replace(/\/$/, "").length,
    match.method === undefined ? 0 : 1,
    firsts(match.headers ?? [], true).length,
    firsts(match.queryParams ?? [], false).length,
  ];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const compareLists = (a: readonly number[], b: readonly number[]): number =>
  a.map((one, index) => one - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
