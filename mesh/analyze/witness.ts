/** A request that shows what a finding says: it can be sent, and `selvedge explain` tells what becomes of it. */
import { CARRIED_METHODS } from "../methods.ts";
import type { Placed } from "../compile/table.ts";
import type { Subject } from "../match.ts";
import type { Condition } from "../snapshot.ts";
import { sample } from "./sample.ts";

export type Witness = {
  readonly to:
    | { readonly kind: "host"; readonly host: string; readonly port: number }
    /** `caller` is the caller's namespace, or empty for any that has no routes of its own. */
    | { readonly kind: "service"; readonly service: string; readonly port: number; readonly caller: string };
  readonly method: string;
  readonly path: string;
  readonly headers: readonly Named[];
  readonly query: readonly Named[];
};
type Named = { readonly name: string; readonly value: string };

/**
 * The least requests that meet a candidate, in lists by their method: nothing is in them that it does not ask for, so that of
 * all requests these meet the fewest others. `fresh` is a segment that no route has. None where no text is found that a
 * regular expression of the candidate matches.
 */
export function leastRequests({ kind, path, candidate }: Placed, to: Witness["to"], fresh: string): Witness[][] {
  const paths = {
    exact: () => [path],
    // A path below the prefix is met by no exact path; the prefix itself, by no expression that wants a slash after it.
    prefix: () => [`${path}/${fresh}`, path || "/"],
    regex: () => [sample(candidate.path ?? "", "/") ?? ""].filter(isPath),
  }[kind]();
  const headers = valuesOf(candidate.headers);
  const query = valuesOf(candidate.query);
  if (!headers || !query) return [];
  const methods = [...CARRIED_METHODS].filter((method) => (candidate.method ?? method) === method);
  return methods.map((method) => paths.map((one) => ({ to, method, path: one, headers, query })));
}

/** A path that a URL holds as it is. */
const isPath = (text: string): boolean =>
  /^\/[A-Za-z0-9/\-._~!$&'()*+,;=:@%]*$/.test(text) && !/\/\.{0,2}(\/|$)/.test(text.slice(0, -1));

function valuesOf(conditions: readonly Condition[] = []): Named[] | undefined {
  const values = conditions.map(({ name, value, regex }) => ({ name, value: regex ? sample(value) : value }));
  return values.every((one): one is Named => one.value !== undefined && /^[\x20-\x7e]*$/.test(one.value))
    ? values
    : undefined;
}

export const subjectOf = ({ method, path, headers, query }: Witness): Subject => ({
  method,
  path,
  header: (name) => headers.find((one) => one.name === name)?.value ?? null,
  query: (name) => query.find((one) => one.name === name)?.value ?? null,
});

/** As arguments of `selvedge explain`. */
export function showWitness({ to, method, path, headers, query }: Witness): string {
  const scheme = to.kind === "host" && to.port === 443 ? "https" : "http";
  const port = to.port === (scheme === "https" ? 443 : 80) ? "" : `:${to.port}`;
  const search = query.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  const url = `${scheme}://${to.kind === "host" ? to.host : to.service}${port}${path}${search && `?${search}`}`;
  return [
    method,
    /[&'();*!$]/.test(url) ? quoted(url) : url,
    ...headers.map(({ name, value }) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(to.kind === "service" && to.caller !== "" ? [`--from ${to.caller}`] : []),
  ].join(" ");
}

/** For a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
