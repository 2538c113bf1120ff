/** An explanation as a record for scripts, and that record as text for people. */
import { type Failure, shownPath } from "../mesh/candidates.ts";
import type { Placed } from "../mesh/compile/table.ts";
import type { Asked, Explanation } from "../mesh/explain/explain.ts";
import type { Answer } from "../mesh/explain/onward.ts";
import type { Condition } from "../mesh/snapshot.ts";
import { table } from "./table.ts";
import { printable } from "./terminal.ts";

type Considered = Placed & { readonly host: string; readonly route: string; readonly rule: string };

/** JSON and YAML: `null` for what is not there. */
export function explanationRecord(asked: Asked, explanation: Explanation, epoch: number | null) {
  const { reached, taker, passedOver, omitted, policies, layers, shares, answer } = explanation;
  return {
    epoch,
    request: { method: asked.method, scheme: asked.scheme, host: asked.host, path: asked.pathname + asked.search },
    listener:
      reached.kind === "host" && reached.listener
        ? { port: reached.port, hostname: reached.listener.hostname || "*", gateways: reached.listener.gateways }
        : null,
    service:
      reached.kind === "service"
        ? {
            name: reached.service,
            port: reached.found?.port ?? reached.port ?? null,
            routesOf: reached.consumer ?? null,
          }
        : null,
    taker: taker ? { ...considered(taker), at: placeOf(taker) } : null,
    passedOver: passedOver.map((one) => ({ ...considered(one), because: one.because, why: reasonOf(one.because) })),
    omitted,
    policies: policies.map(({ section = null, lostTo = null, ...rest }) => ({ ...rest, section, lostTo })),
    layers,
    backends: shares.map(({ answer: own, ...share }) => ({ ...share, answer: own ? answerRecord(own) : null })),
    answer: answer ? answerRecord(answer) : null,
  };
}
type Told = ReturnType<typeof explanationRecord>;

const answerRecord = ({ status, cause, location, why }: Answer) => ({
  status,
  cause: cause ?? null,
  location: location ?? null,
  why,
});

function considered(one: Considered) {
  const { method, headers = [], query = [] } = one.candidate;
  return {
    route: one.route,
    rule: one.rule,
    host: one.host || "*",
    path: { type: one.kind, value: shownPath(one) },
    method: method ?? null,
    headers,
    query,
  };
}

/** Where it stands in its resource: `spec.rules[0]`. */
const placeOf = ({ origin }: NonNullable<Explanation["taker"]>): string | null =>
  origin?.kind === "route" ? `spec.rules[${origin.index}]` : null;

export function reasonOf(because: Failure): string {
  switch (because.by) {
    case "path":
      return "the path is another";
    case "method":
      return `the method is ${because.given}, not ${because.wanted}`;
    case "header":
    case "query": {
      const { wanted, given } = because;
      const what = because.by === "header" ? `header ${wanted.name}` : `query ${wanted.name}`;
      const is = given === null ? "is not there" : `is ${JSON.stringify(given)}`;
      return `${what} ${is}, ${wanted.regex ? "and should match" : "not"} ${JSON.stringify(wanted.value)}`;
    }
  }
}

export function explanationText(record: Told): string {
  const { request, taker, passedOver, omitted, policies, layers, backends, answer, epoch } = record;
  const more = omitted > 0 ? [`  and ${omitted} more (--all)`] : [];
  return [
    printable(`${request.method} ${request.scheme}://${request.host}${request.path}`),
    ...(epoch === null ? [] : [field("Epoch", String(epoch))]),
    field(...entryOf(record)),
    field("Taken by", taker ? takerOf(taker) : "no rule"),
    ...(taker ? [field("By", matchOf(taker))] : []),
    ...(answer ? [field("Answer", answerOf(answer))] : []),
    ...section("Passed over", passedOver.length === 0 ? [] : [...rows(PASSED_OVER, passedOver), ...more]),
    ...section("Policies", policies.length === 0 ? [] : rows(POLICIES, policies)),
    ...(layers.length > 0 ? [field("Layers", layers.join(" · "))] : []),
    ...(answer ? [] : backends.flatMap(backendLines)),
  ].join("\n");
}

const WIDTH = "Passed over:  ".length;
const field = (name: string, value: string): string => `${`${name}:`.padEnd(WIDTH)}${printable(value)}`;
const section = (name: string, lines: readonly string[]): readonly string[] =>
  lines.length > 0 ? [`${name}:`, ...lines] : [];
const rows = <Row>(...[columns, all]: Parameters<typeof table<Row>>): string[] =>
  table(columns, all)
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`);

function entryOf({ listener, service }: Told): [name: string, value: string] {
  if (service) {
    const whose = service.routesOf === null ? "" : `, by the routes of namespace ${service.routesOf}`;
    return ["Service", `${service.name}${service.port === null ? "" : `:${service.port}`}${whose}`];
  }
  if (!listener) return ["Listener", "none"];
  const { hostname, port, gateways } = listener;
  return ["Listener", `${hostname}:${port} of ${gateways.map((name) => `Gateway ${name}`).join(", ")}`];
}

type Taker = NonNullable<Told["taker"]>;

const takerOf = ({ route, rule, at }: Taker): string =>
  at === null ? `${route} itself: it has no routes` : `HTTPRoute ${route} rule ${rule} (${at})`;

const matchOf = ({ host, path, method, headers, query }: Omit<Taker, "at">): string =>
  [
    `host ${host}`,
    `${path.type} ${path.value}`,
    ...(method === null ? [] : [method]),
    ...headers.map(pair),
    ...query.map((one) => `?${pair(one)}`),
  ].join(", ");

const pair = ({ name, value, regex }: Condition): string => `${name}${regex ? "~" : "="}${value}`;

const PASSED_OVER = [
  { header: "ROUTE", cell: ({ route }: Told["passedOver"][number]) => route },
  { header: "RULE", cell: ({ rule }: Told["passedOver"][number]) => rule },
  { header: "MATCH", cell: (one: Told["passedOver"][number]) => matchOf(one) },
  { header: "BECAUSE", cell: ({ why }: Told["passedOver"][number]) => why },
];

const POLICIES = [
  { header: "POLICY", cell: ({ policy }: Told["policies"][number]) => policy },
  { header: "SECTION", cell: ({ section: part }: Told["policies"][number]) => part ?? "" },
  { header: "FROM", cell: ({ target }: Told["policies"][number]) => target },
  { header: "HOLDS", cell: ({ holds, lostTo }: Told["policies"][number]) => verdict(holds, lostTo) },
];

function verdict(holds: boolean, lostTo: string | null): string {
  if (lostTo === null) return "yes";
  return holds ? `yes, but further on ${lostTo} goes before it` : `no: ${lostTo} goes before it`;
}

type Answered = NonNullable<Told["answer"]>;

const answerOf = ({ status, cause, location, why }: Answered): string =>
  [`${status}`, ...(cause === null ? [] : [cause]), ...(location === null ? [] : [`to ${location}`]), `(${why})`].join(
    " ",
  );

/** Of many endpoints, those that a person reads. */
const MOST_ENDPOINTS = 5;

function backendLines({ backend, share, weight, layers, sees, endpoints, answer }: Told["backends"][number]): string[] {
  const changes = sees.headers.flatMap(({ set, add, remove }) => [
    ...set.map(({ name, value }) => `set ${name}: ${value}`),
    ...add.map(({ name, value }) => `add ${name}: ${value}`),
    ...remove.map((name) => `remove ${name}`),
  ]);
  const shown = endpoints.slice(0, MOST_ENDPOINTS).map(({ url }) => url);
  const rest = endpoints.length - shown.length;
  return [
    field("Backend", `${backend ?? "invalid"}, weight ${weight} (${Math.round(share * 1000) / 10} %)`),
    ...(answer ? [indented("Answer", answerOf(answer))] : []),
    ...(layers.length > 0 ? [indented("Layers", layers.join(" · "))] : []),
    ...(backend === null
      ? []
      : [
          indented("Path", sees.path),
          indented("Host", sees.host),
          ...changes.map((change) => indented("Header", change)),
        ]),
    ...shown.map((url) => indented("Endpoint", url)),
    ...(rest > 0 ? [indented("", `and ${rest} more`)] : []),
  ];
}

const indented = (name: string, value: string): string =>
  `  ${(name && `${name}:`).padEnd(WIDTH - 2)}${printable(value)}`;
