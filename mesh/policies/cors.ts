/** Which pages of other origins a browser lets read an answer: Gateway API's HTTPCORSFilter (GEP-1767), over Fetch's CORS protocol. */

export type Cors = {
  /** `*`, or `scheme://host[:port]` in lower case; the host may be `*` or begin with `*.`. */
  readonly origins: readonly string[];
  readonly credentials: boolean;
  /** In each of these, `*` stands for all of them. Header names are in lower case. */
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly expose: readonly string[];
  /** For how long a browser may keep the answer to a preflight. */
  readonly maxAgeSeconds: number;
};

export type NamedHeaders = Readonly<Record<string, string>>;

/** What a browser asks before it sends what a form could not have sent. */
export type Preflight = { readonly method: string; readonly headers: string | null };

export const allowsOrigin = ({ origins }: Cors, origin: string): boolean =>
  origins.some((allowed) => allowed === "*" || originMatches(allowed, origin));

function originMatches(allowed: string, origin: string): boolean {
  const [wanted, given] = [parts(allowed), parts(origin)];
  if (!wanted || !given || wanted.scheme !== given.scheme || wanted.port !== given.port) return false;
  if (wanted.host === "*") return true;
  return wanted.host.startsWith("*.") ? given.host.endsWith(wanted.host.slice(1)) : given.host === wanted.host;
}

function parts(origin: string) {
  const [, scheme, host, port] = /^(https?):\/\/(\[[^\]]*\]|[^:/[\]]+)(?::(\d+))?$/.exec(origin.toLowerCase()) ?? [];
  if (scheme === undefined || host === undefined) return undefined;
  return { scheme, host, port: Number(port ?? (scheme === "https" ? 443 : 80)) };
}

/**
 * The headers that answer a preflight of an allowed origin. A wildcard is answered by what was asked for: the sign itself
 * means nothing to a browser that sends credentials, and does not cover `authorization`.
 */
export function preflightHeaders(cors: Cors, origin: string, { method, headers }: Preflight): NamedHeaders {
  const methods = cors.methods.includes("*") ? method : cors.methods.join(", ");
  const names = cors.headers.includes("*") ? (headers ?? "") : cors.headers.join(", ");
  return {
    ...originHeaders(cors, origin),
    ...(methods !== "" && { "access-control-allow-methods": methods }),
    ...(names !== "" && { "access-control-allow-headers": names }),
    ...exposed(cors, []),
    "access-control-max-age": String(cors.maxAgeSeconds),
  };
}

/** The headers that an answer with the headers `names` (in lower case) bears for an allowed origin. */
export const answerHeaders = (cors: Cors, origin: string, names: readonly string[]): NamedHeaders => ({
  ...originHeaders(cors, origin),
  ...exposed(cors, names),
});

const originHeaders = ({ credentials }: Cors, origin: string): NamedHeaders => ({
  "access-control-allow-origin": origin,
  ...(credentials && { "access-control-allow-credentials": "true" }),
});

/** With credentials a browser takes the wildcard for a name, so that the names themselves stand in its place. */
function exposed({ expose, credentials }: Cors, names: readonly string[]): NamedHeaders {
  const list = credentials && expose.includes("*") ? names : expose;
  return list.length > 0 ? { "access-control-expose-headers": list.join(", ") } : {};
}
