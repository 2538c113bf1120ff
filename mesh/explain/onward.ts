/** What the rule that takes a request makes of it: an answer of the mesh's own, or what each backend would see. */
import { answer as answerTo, type Cause, type Denial } from "../denial.ts";
import type { Subject } from "../match.ts";
import { changedPath } from "../path-change.ts";
import { allowsOrigin } from "../policies/cors.ts";
import { locationOf } from "../redirect.ts";
import type { Endpoint, HeaderChanges, Policy, Rule, Snapshot } from "../snapshot.ts";

/** An answer that no backend gave. */
export type Answer = {
  readonly status: number;
  readonly cause?: Cause;
  readonly location?: string;
  readonly why: string;
};

/** One share of the rule's requests. */
export type Share = {
  /** `Backend/namespace/name` or `Service/namespace/name:port`; null where the reference is invalid. */
  readonly backend: string | null;
  readonly weight: number;
  /** Of all requests, 0 to 1. */
  readonly share: number;
  /** What would be called, each with its weight. */
  readonly endpoints: readonly { readonly url: string; readonly weight: number }[];
  /** Around this backend, outermost first. */
  readonly layers: readonly string[];
  readonly sees: Seen;
  readonly answer?: Answer;
};

type Seen = {
  /** With the query. */
  readonly path: string;
  /** The Host that the caller asked for, or what a rewrite made of it. */
  readonly host: string;
  readonly headers: readonly HeaderChanges[];
};

/** A request as the rule got it. `host` is with its port, if it named one. */
export type Got = Subject & {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly hostname: string;
  readonly port: number;
  readonly search: string;
  readonly prefix: string | undefined;
};

export const denied = (denial: Denial, why: string): Answer => ({
  status: answerTo(denial).status,
  cause: denial.cause,
  why,
});

/** What answers before any backend is drawn, if something does. Limits, breakers and deadlines depend on more than the request. */
export function answerOf({ layers, backends }: Rule, got: Got): Answer | undefined {
  const own = answerOfLayers(layers, got);
  if (own || backends.some(({ weight }) => weight > 0)) return own;
  return denied({ cause: "no-backend" }, "the rule has no backend with a weight");
}

function answerOfLayers(layers: readonly Policy[], got: Got): Answer | undefined {
  for (const layer of layers) {
    if (layer.kind === "cors" && isPreflight(got)) {
      const allowed = allowsOrigin(layer, got.header("origin") ?? "");
      return { status: 204, why: `CORS preflight: the origin is ${allowed ? "allowed" : "not allowed"}` };
    }
    if (layer.kind === "refuse") return denied({ cause: "not-carried" }, `${layer.reason} cannot be carried out here`);
    if (layer.kind === "redirect")
      return { status: layer.status, location: locationOf(layer, got), why: "the rule redirects" };
  }
  return undefined;
}

export const isPreflight = ({ method, header }: Pick<Got, "method" | "header">): boolean =>
  method === "OPTIONS" && header("origin") !== null && header("access-control-request-method") !== null;

export function sharesOf({ backends: all }: Snapshot, { layers, backends }: Rule, got: Got): Share[] {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  return backends.map(({ backend, weight, layers: own }): Share => {
    const found = backend === null ? undefined : all[backend];
    const sees = seenThrough([...layers, ...own], got);
    const answer = found
      ? (answerOfLayers(own, got) ??
        (found.endpoints.length === 0 ? denied({ cause: "no-endpoint" }, "nothing answers for it") : undefined))
      : denied({ cause: "no-backend" }, "the backendRef is invalid");
    return {
      backend: found?.name ?? null,
      weight,
      share: total === 0 ? 0 : weight / total,
      endpoints: (found?.endpoints ?? []).map((endpoint) => ({ url: urlOf(endpoint, sees), weight: endpoint.weight })),
      layers: own.map(summary),
      sees,
      ...(answer && { answer }),
    };
  });
}

/** In the order of the layers, as they change a call on its way down. */
function seenThrough(layers: readonly Policy[], got: Got): Seen {
  let { path, host } = got;
  const headers: HeaderChanges[] = [];
  for (const layer of layers) {
    if (layer.kind === "request-headers") headers.push({ set: layer.set, add: layer.add, remove: layer.remove });
    if (layer.kind !== "rewrite") continue;
    host = layer.hostname ?? host;
    if (layer.path) path = changedPath({ path, prefix: got.prefix }, layer.path);
  }
  return { path: path + got.search, host, headers };
}

/** A binding decides by itself where a request goes, so that its URL carries the Host. */
const urlOf = (endpoint: Endpoint, { path, host }: Seen): string =>
  endpoint.kind === "url" ? `${endpoint.origin}${endpoint.path}${path}` : `${endpoint.binding}: https://${host}${path}`;

/** A layer in a word or two; one that answers by itself says how. */
export function summary(layer: Policy): string {
  if (layer.kind === "redirect") return `redirect ${layer.status}`;
  return layer.kind === "refuse" ? `refuse: ${layer.reason}` : layer.kind;
}
