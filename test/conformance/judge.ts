/** What a response must have been, and where it was not ("Judging" of the conformance folder's README). */
import type { CaseRequest, Expected, Failure, Named, Observation } from "./case.ts";

type Headers = Readonly<Record<string, string | readonly string[]>>;
/** `[field, message]` of each thing that does not hold. */
type Complaints = Iterable<readonly [field: string, message: string]>;

/** Every way in which `observations` fall short of what `request` expects; none means that it passes. */
export function judge(
  { expected, derived = [], target, host }: CaseRequest,
  observations: readonly Observation[],
): Failure[] {
  const isDerived = (field: string) =>
    derived.some((path) => path === "*" || field === path || field.startsWith(`${path}.`));
  const base = `${target.scheme}://${host}`;
  return [
    ...observations.flatMap((one) => [...single(expected, one, base)]),
    ...shares(expected, observations),
    ...mirrorShares(expected, observations),
    ...session(expected, observations),
  ].map(([field, message]) => ({ field, message, derived: isDerived(field) }));
}

/** True for what a run of luck can spoil, and the case lets try again. */
export const isByChance = ({ field }: Failure): boolean => /^(mirrorD|statusD|d)istribution$/.test(field);

function* single(expected: Expected, seen: Observation, base: string): Complaints {
  if (!expected.status.includes(seen.status)) {
    const cause = first(seen.headers, "selvedge-cause");
    yield [
      "status",
      `wanted ${expected.status.join(" or ")}, got ${seen.status}${cause === undefined ? "" : ` (${cause})`}`,
    ];
    return;
  }
  yield* backend(expected, seen);
  if (ANSWERED.has(seen.status)) yield* backendRequest(expected, seen);
  yield* response(expected, seen);
  if (expected.redirect) yield* redirect(expected.redirect, first(seen.headers, "location"), base);
  for (const { backend: mirror, path, times } of expected.mirrors ?? []) {
    const count = seen.calls.filter((call) => nameOf(call) === nameOf(mirror) && call.path === path).length;
    if (count !== times)
      yield [count === 0 ? "mirrors" : "mirrors.times", `wanted ${times} at ${nameOf(mirror)}, got ${count}`];
  }
  if (expected.backendAttempts !== undefined && seen.calls.length !== expected.backendAttempts)
    yield ["backendAttempts", `wanted ${expected.backendAttempts} calls, got ${seen.calls.length}`];
  const { min = 0, max = Number.POSITIVE_INFINITY } = expected.latencyMs ?? {};
  if (seen.latencyMs < min || seen.latencyMs > max)
    yield ["latencyMs", `wanted ${min} to ${max} ms, got ${Math.round(seen.latencyMs)}`];
  if (expected.websocketReceive && !same(expected.websocketReceive, seen.websocketReceived))
    yield ["websocketReceive", `got ${JSON.stringify(seen.websocketReceived)}`];
}

/** The statuses on which the answering backend and what it saw are judged. */
const ANSWERED = new Set([200, 204, 101]);

function* backend({ backend: wanted, mirrors = [], mirrorDistribution = [] }: Expected, seen: Observation): Complaints {
  if (wanted === "none") {
    const mirrored = new Set([...mirrors, ...mirrorDistribution].map((mirror) => nameOf(mirror.backend)));
    const called = seen.calls.map(nameOf).filter((name) => !mirrored.has(name));
    if (seen.backend) yield ["backend", `wanted none to answer, got ${nameOf(seen.backend)}`];
    else if (called.length > 0) yield ["backend", `wanted none to be called, got ${called.join(", ")}`];
  } else if (wanted && ANSWERED.has(seen.status)) {
    const names = ("anyOf" in wanted ? wanted.anyOf : [wanted]).map(nameOf);
    const got = seen.backend ? nameOf(seen.backend) : "none";
    if (!names.includes(got)) yield ["backend", `wanted ${names.join(" or ")}, got ${got}`];
  }
}

function* backendRequest(
  { backendRequest: wanted }: Expected,
  { backend, backendRequest: got }: Observation,
): Complaints {
  if (!wanted) return;
  for (const field of ["path", "method", "host"] as const)
    if (wanted[field] !== undefined && wanted[field] !== got?.[field])
      yield [`backendRequest.${field}`, `wanted ${wanted[field]}, got ${got?.[field]}`];
  const headers = lowerCased(got?.headers ?? {});
  yield* present(wanted.headers, headers, "backendRequest.headers");
  yield* absent(wanted.absentHeaders, headers, "backendRequest.absentHeaders");
  const name = wanted.headerEqualsBackendName;
  if (name === undefined) return;
  const values = headers.get(name.toLowerCase()) ?? [];
  if (values.length !== 1 || values[0] !== backend?.name)
    yield ["backendRequest.headerEqualsBackendName", `${name} is ${values.join(", ")}, answered by ${backend?.name}`];
}

function* response({ response: wanted }: Expected, seen: Observation): Complaints {
  if (!wanted) return;
  const headers = lowerCased(seen.headers);
  yield* present(wanted.headers, headers, "response.headers");
  for (const [name, choices] of Object.entries(wanted.headersAnyOf ?? {})) {
    const got = headers.get(name.toLowerCase());
    if (!got || !choices.some((choice) => same(items(choice), items(got))))
      yield ["response.headersAnyOf", `${name}: wanted one of ${JSON.stringify(choices)}, got ${got?.join(", ")}`];
  }
  yield* absent(wanted.absentHeaders, headers, "response.absentHeaders");
}

function* redirect(wanted: NonNullable<Expected["redirect"]>, location: string | undefined, base: string): Complaints {
  if (location === undefined || !URL.canParse(location, base)) {
    yield ["redirect", `Location is ${location}`];
    return;
  }
  const { protocol, hostname, pathname } = new URL(location, base);
  const got = { scheme: protocol.slice(0, -1), host: hostname, path: pathname };
  for (const part of ["scheme", "host", "path"] as const)
    if (got[part] !== wanted[part]) yield [`redirect.${part}`, `wanted ${wanted[part]}, got ${got[part]}`];
  // URL drops a default port; what is judged is what was written.
  const written = /^[a-z][a-z\d+.-]*:\/\/(?:\[[^\]]*\]|[^/:?#]*):(\d+)/i.exec(location)?.[1];
  const fine = wanted.port === null ? [undefined, wanted.scheme === "https" ? "443" : "80"] : [wanted.port];
  if (!fine.includes(written)) yield ["redirect.port", `wanted ${wanted.port ?? "none"}, got ${written ?? "none"}`];
}

function* shares({ distribution, statusDistribution }: Expected, all: readonly Observation[]): Complaints {
  const off = (got: number, wanted: number, tolerance: number) =>
    Math.abs(got - wanted) > tolerance || (wanted === 0 && got > 0);
  if (distribution) {
    const counts = countBy(all, ({ backend }) => backend?.name);
    for (const [name, wanted] of Object.entries(distribution.weights)) {
      const got = (counts.get(name) ?? 0) / all.length;
      if (off(got, wanted, distribution.tolerance)) yield ["distribution", `${name}: wanted ${wanted}, got ${got}`];
    }
    for (const name of counts.keys())
      if (name !== undefined && !(name in distribution.weights)) yield ["distribution", `${name} was not to be called`];
  }
  if (statusDistribution) {
    const counts = countBy(all, ({ status }) => String(status));
    for (const [status, wanted] of Object.entries(statusDistribution.shares)) {
      const got = (counts.get(status) ?? 0) / all.length;
      if (Math.abs(got - wanted) > statusDistribution.tolerance)
        yield ["statusDistribution", `${status}: wanted ${wanted}, got ${got}`];
    }
  }
}

function* mirrorShares({ mirrorDistribution = [] }: Expected, all: readonly Observation[]): Complaints {
  const calls = countBy(
    all.flatMap((one) => one.calls),
    nameOf,
  );
  for (const { backend: mirror, requests, percent, toleranceStdDevs } of mirrorDistribution) {
    const p = percent / 100;
    const margin = toleranceStdDevs * Math.sqrt(requests * p * (1 - p));
    const got = calls.get(nameOf(mirror)) ?? 0;
    if (Math.abs(got - requests * p) > margin)
      yield ["mirrorDistribution", `wanted ${requests * p} ± ${margin.toFixed(1)} at ${nameOf(mirror)}, got ${got}`];
  }
}

function* session({ session: wanted }: Expected, [start, ...rest]: readonly Observation[]): Complaints {
  if (!wanted || !start) return;
  const cookies = (lowerCased(start.headers).get("set-cookie") ?? []).map(cookieOf);
  if (wanted.setCookie && cookies.length === 0) yield ["session.setCookie", "no Set-Cookie"];
  if (wanted.setHeader !== undefined && !lowerCased(start.headers).has(wanted.setHeader.toLowerCase()))
    yield ["session.setHeader", `no ${wanted.setHeader}`];
  if (wanted.cookieName !== undefined && !cookies.some(({ name }) => name === wanted.cookieName))
    yield ["session.cookieName", `got ${cookies.map(({ name }) => name).join(", ")}`];
  for (const attribute of wanted.cookieAttributesAbsent ?? [])
    if (cookies.some(({ attributes }) => attributes.has(attribute.toLowerCase())))
      yield ["session.cookieAttributesAbsent", `${attribute} is set`];
  if (
    wanted.cookiePath !== undefined &&
    !cookies.some(({ attributes }) => attributes.get("path") === wanted.cookiePath)
  )
    yield ["session.cookiePath", `got ${cookies.map(({ attributes }) => attributes.get("path")).join(", ")}`];
  if (wanted.expiresInSeconds) {
    const { value, tolerance } = wanted.expiresInSeconds;
    const lives = cookies.map(({ attributes }) => lifetime(attributes));
    if (!lives.some((seconds) => Math.abs(seconds - value) <= tolerance))
      yield ["session.expiresInSeconds", `wanted ${value} ± ${tolerance}, got ${lives.join(", ")}`];
  }
  const key = ({ backend: one }: Observation) =>
    one ? nameOf(one) + (wanted.sameAs === "instance" ? ` ${one.instance}` : "") : "none";
  const stray = wanted.sameAs && rest.find((one) => key(one) !== key(start));
  if (stray) yield ["session.sameAs", `${key(stray)} after ${key(start)}`];
}

function cookieOf(line: string) {
  const [pair = "", ...rest] = line.split(";").map((part) => part.trim());
  const attributes = new Map(
    rest.map((part) => {
      const [name = "", ...value] = part.split("=");
      return [name.toLowerCase(), value.join("=")] as const;
    }),
  );
  return { name: pair.split("=")[0]!, attributes };
}

function lifetime(attributes: ReadonlyMap<string, string>): number {
  const age = attributes.get("max-age");
  return age === undefined ? (Date.parse(attributes.get("expires") ?? "") - Date.now()) / 1000 : Number(age);
}

function* present(wanted: Headers = {}, got: ReadonlyMap<string, readonly string[]>, field: string): Complaints {
  for (const [name, value] of Object.entries(wanted)) {
    const values = got.get(name.toLowerCase());
    if (!values) yield [field, `${name} is missing`];
    else if (!same(items(value), items(values)))
      yield [field, `${name}: wanted ${String(value)}, got ${values.join(", ")}`];
  }
}

function* absent(
  names: readonly string[] = [],
  got: ReadonlyMap<string, readonly string[]>,
  field: string,
): Complaints {
  for (const name of names) if (got.has(name.toLowerCase())) yield [field, `${name} is there`];
}

/** A header's value as a list: a fetch-style `Headers` cannot tell `a, b` from `a,b` or from two lines. */
const items = (value: string | readonly string[]): string[] =>
  (typeof value === "string" ? value : value.join(",")).split(",").map((item) => item.trim());

const lowerCased = (headers: Headers): Map<string, readonly string[]> =>
  new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), typeof value === "string" ? [value] : value]),
  );

const first = (headers: Headers, name: string): string | undefined => lowerCased(headers).get(name)?.[0];

const nameOf = ({ namespace, name }: Named): string => `${namespace}/${name}`;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function countBy<T, K>(all: readonly T[], key: (one: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const one of all) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1);
  return counts;
}
