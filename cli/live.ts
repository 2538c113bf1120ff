/** One request to a running edge, with the token by which the edge says why it did what it did. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LiveCandidate, LiveExplanation, LiveStep } from "../mesh/explain/live.ts";
import { MESH_HEADERS } from "../mesh/headers.ts";
import { reasonOf } from "./explanation.ts";
import { Failure } from "./failure.ts";
import { table } from "./table.ts";
import { printable } from "./terminal.ts";

const TIMEOUT_MS = 30_000;

export type Sent = {
  readonly method: string;
  readonly url: URL;
  /** Where the edge is; without it, where the URL's host leads. */
  readonly edge: URL | undefined;
  readonly headers: Headers;
  readonly token: string;
};

/** Not by fetch, which takes Host from the URL. Throws a Failure where there is no edge that explains. */
export async function explainedByEdge(sent: Sent): Promise<LiveExplanation> {
  const { status, headers } = await send(sent);
  const text = headers[MESH_HEADERS.explanation];
  if (typeof text === "string") return JSON.parse(text) as LiveExplanation;
  const at = (sent.edge ?? sent.url).origin;
  const cause = headers[MESH_HEADERS.cause];
  if (headers[MESH_HEADERS.epoch] === undefined)
    throw new Failure(`${at} answered ${status}, and not as an edge of Selvedge does: name one with --edge URL`);
  const why = typeof cause === "string" ? ` (${cause})` : "";
  throw new Failure(
    `the edge at ${at} answered ${status}${why} and does not say why: it could not reach the Identity object to verify the token, ` +
      `answered before it looked at the request, or belongs to another control plane`,
  );
}

type Answer = { readonly status: number; readonly headers: NodeJS.Dict<string | string[]> };

function send({ method, url, edge = url, headers, token }: Sent): Promise<Answer> {
  const make = edge.protocol === "https:" ? httpsRequest : httpRequest;
  const given = { host: url.host, ...Object.fromEntries(headers), [MESH_HEADERS.debug]: token };
  const { hostname } = edge;
  return new Promise((resolve, reject) => {
    const request = make(
      {
        method,
        // Names under localhost lead to this machine wherever the resolver does not know it (RFC 6761).
        hostname: hostname.endsWith(".localhost") ? "127.0.0.1" : hostname.replace(/^\[|\]$/g, ""),
        port: edge.port || (edge.protocol === "https:" ? 443 : 80),
        path: url.pathname + url.search,
        headers: given,
        servername: url.hostname,
        timeout: TIMEOUT_MS,
      },
      (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0, headers: response.headers });
      },
    );
    request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    request.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        new Failure(`cannot reach an edge at ${edge.origin}: ${error.code ?? error.message}; name one with --edge URL`),
      ),
    );
    request.end();
  });
}

export function liveText({ method, url }: Pick<Sent, "method" | "url">, live: LiveExplanation): string {
  const { considered, steps, omitted, route, rule, backend, caller, cause, degraded } = live;
  const tries = live.attempts > 1 || live.hedges > 0 ? `, ${live.attempts} attempts, ${live.hedges} hedges` : "";
  const fields: [name: string, value: string | null][] = [
    ["Epoch", String(live.epoch)],
    ["Answer", `${live.status}${cause === null ? "" : ` ${cause}`}${tries}`],
    ["Path", live.path],
    ["Taken by", route === null ? "no rule" : rule ? `HTTPRoute ${route} rule ${rule}` : `${route} itself`],
    ["Backend", backend],
    ["Caller", caller],
    ["Degraded", degraded],
  ];
  const left = (count: number, what: string): string[] => (count === 0 ? [] : [`  and ${count} more ${what}`]);
  return [
    printable(`${method} ${url.href}`),
    ...fields.flatMap(([name, value]) => (value === null ? [] : [`${`${name}:`.padEnd(12)}${printable(value)}`])),
    "Considered:",
    ...left(omitted.considered, "before these"),
    ...rows(CONSIDERED, considered),
    "Steps:",
    ...rows(
      STEPS,
      steps.map((step, index) => ({ ...step, depth: depthOf(steps, index) })),
    ),
    ...left(omitted.steps, "within these"),
  ].join("\n");
}

const rows = <Row>(...[columns, all]: Parameters<typeof table<Row>>): string[] =>
  all.length === 0
    ? ["  none"]
    : table(columns, all)
        .trimEnd()
        .split("\n")
        .map((line) => `  ${line}`);

function depthOf(steps: readonly LiveStep[], index: number): number {
  let depth = 0;
  for (let at = steps[index]?.within ?? -1; at >= 0; at = steps[at]?.within ?? -1) depth++;
  return depth;
}

const CONSIDERED = [
  { header: "ROUTE", cell: ({ route }: LiveCandidate) => route },
  { header: "RULE", cell: ({ rule }: LiveCandidate) => rule },
  { header: "MATCH", cell: ({ name, kind, path }: LiveCandidate) => `${name || "*"}, ${kind} ${path}` },
  { header: "BECAUSE", cell: ({ because }: LiveCandidate) => (because === null ? "takes it" : reasonOf(because)) },
];

type Row = LiveStep & { readonly depth: number };
const STEPS = [
  { header: "STEP", cell: ({ by, depth }: Row) => "  ".repeat(depth) + by },
  { header: "OUTCOME", cell: ({ outcome }: Row) => outcome },
  { header: "AT", cell: ({ at }: Row) => `${at} ms`, align: "right" as const },
  { header: "TOOK", cell: ({ ms }: Row) => `${ms} ms`, align: "right" as const },
  { header: "FACTS", cell: ({ facts }: Row) => factsText(facts) },
];

const factsText = (facts: LiveStep["facts"]): string =>
  Object.entries(facts)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
