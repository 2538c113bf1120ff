/** What speaks against a case: `broken` decides, `soft` is said (the right outcome in the wrong words). */
import type { Response } from "./bytes.ts";
import { valuesOf } from "./bytes.ts";
import type { Expectation, OriginRequest, Statuses } from "./case.ts";
import type { Exchange } from "./client.ts";
import type { Recorded } from "./origin.ts";
import { readings } from "./readings.ts";

export type Seen = Exchange & { readonly requests: readonly Recorded[]; readonly garbage: readonly string[] };
export type Verdict = { readonly broken: readonly string[]; readonly soft: readonly string[] };

export function judge(expected: Expectation, seen: Seen): Verdict {
  const soft: string[] = [];
  const broken = [
    ...outcome(expected, seen, soft),
    ...origins(expected, seen),
    ...(expected.framing_clean === false ? [] : framing(seen)),
    ...client(expected, seen),
  ];
  if (expected.one_of) {
    const verdicts = expected.one_of.map((one) => judge({ framing_clean: false, ...one }, seen));
    const held = verdicts.find((one) => one.broken.length === 0);
    if (held) soft.push(...held.soft);
    else broken.push(`none of: ${verdicts.map((one) => one.broken[0]).join(" | ")}`);
  }
  return { broken, soft };
}

const finals = ({ responses }: Seen): Response[] =>
  responses.filter(({ status }) => status === 0 || status === 101 || status >= 200);

const isIn = (status: number, list: Statuses): boolean =>
  list.some((one) =>
    typeof one === "number"
      ? one === status
      : one === "close"
        ? status === 0
        : new RegExp(`^${one.replaceAll("x", "\\d")}$`).test(String(status)),
  );

const isCanary = ({ target, method }: Recorded): boolean => target.startsWith("/canary") || method.startsWith("CANARY");

function outcome(expected: Expectation, seen: Seen, soft: string[]): string[] {
  const all = finals(seen);
  const status = all[expected.response_index ?? 0]?.status ?? 0;
  const broken: string[] = [];
  if (expected.denied) {
    if (status >= 100 && status < 400) broken.push(`not refused but ${status}`);
    else if (status >= 500 && status !== 501 && status !== 505) soft.push(`refused with ${status}`);
    const reached = seen.requests.find((one) => !isCanary(one));
    if (reached) broken.push(`an origin was reached: ${reached.method} ${reached.target}`);
  }
  if (expected.status && !isIn(status, expected.status)) broken.push(`status ${status}, not ${expected.status.join()}`);
  if (expected.status_should && !isIn(status, expected.status_should))
    soft.push(`status ${status}, should be ${expected.status_should.join()}`);
  if (expected.not_status && isIn(status, expected.not_status)) broken.push(`status ${status}`);
  if (expected.some_status && !all.some((one) => isIn(one.status, expected.some_status!)))
    // asked just now
    broken.push(`no status ${expected.some_status.join()} among ${all.map((one) => one.status).join()}`);
  const { statuses } = expected;
  if (statuses && !(all.length === statuses.length && all.every((one, at) => isIn(one.status, [statuses[at]!].flat()))))
    broken.push(`statuses ${all.map((one) => one.status).join()}, not ${statuses.join()}`);
  if (all.length > (expected.responses_max ?? Infinity)) broken.push(`${all.length} responses`);
  return broken;
}

function origins(expected: Expectation, { requests }: Seen): string[] {
  const broken: string[] = [];
  const [first] = requests;
  const { origin, origin_max, origin_count, origin_port, origin_req, origin_never } = expected;
  if (origin === "not_reached" && first) broken.push(`an origin was reached: ${first.method} ${first.target}`);
  if (origin === "reached" && !first) broken.push("no origin was reached");
  if (requests.length > (origin_max ?? Infinity) || requests.length !== (origin_count ?? requests.length))
    broken.push(`${requests.length} requests at the origins`);
  if (requests.some((one) => one.origin !== (origin_port ?? one.origin))) broken.push("another origin was reached");
  if (origin_req && first) broken.push(...originRequest(origin_req, requests[origin_req.index ?? 0]));
  for (const one of requests) {
    const { method, target, fields } = one;
    const seen = `an origin saw ${method} ${target.slice(0, 80)}`;
    for (const prefix of origin_never?.strict_norm_prefix ?? [])
      if (readings(target).some((path) => path === prefix || path.startsWith(`${prefix}/`)))
        broken.push(`${seen}, which can be read as ${prefix}`);
    if (origin_never?.target?.includes(target)) broken.push(seen);
    if (origin_never?.target_prefix?.some((prefix) => target.startsWith(prefix))) broken.push(seen);
    if (origin_never?.method?.includes(method)) broken.push(seen);
    for (const [name, value] of Object.entries(origin_never?.header ?? {})) {
      const elements = valuesOf(fields, name).flatMap((each) => [each, ...each.split(/\s*,\s*/)]);
      if (elements.some((each) => value === "*" || each.toLowerCase() === value.toLowerCase()))
        broken.push(`${seen} with ${name}`);
    }
  }
  return broken;
}

const told = (value: unknown): string => (JSON.stringify(value) ?? "missing").slice(0, 100);

function originRequest(expected: OriginRequest, request: Recorded | undefined): string[] {
  if (!request) return [`no request ${expected.index} at the origins`];
  const { method, target, body, fields } = request;
  const broken: string[] = [];
  const joined = (name: string): string => valuesOf(fields, name).join(", ");
  const elements = (name: string): string[] => joined(name).split(/\s*,\s*/);
  const same = (what: string, got: unknown, wanted: unknown): void => {
    if (wanted !== undefined && JSON.stringify(got) !== JSON.stringify(wanted))
      broken.push(`the origin's ${what} is ${told(got)}, not ${told(wanted)}`);
  };
  same("method", method, expected.method);
  same("target", target, expected.target);
  same("body", body, expected.body);
  same("body's length", body.length, expected.body_length);
  if (expected.target_in && !expected.target_in.includes(target)) broken.push(`the origin's target is ${target}`);
  for (const name of expected.header_absent ?? [])
    if (valuesOf(fields, name).length > 0) broken.push(`the origin has ${name}`);
  for (const name of expected.header_present ?? [])
    if (valuesOf(fields, name).length === 0) broken.push(`the origin has no ${name}`);
  for (const [name, value] of Object.entries(expected.header_equals ?? {})) same(name, joined(name), value);
  for (const [name, value] of Object.entries(expected.header_list ?? {})) same(name, elements(name), value);
  for (const [name, value] of Object.entries(expected.header_last ?? {}))
    same(`last ${name}`, elements(name).at(-1), value);
  for (const [name, value] of Object.entries(expected.header_length ?? {}))
    same(`length of ${name}`, joined(name).length, value);
  return broken;
}

/** Nothing may reach an origin that two parties could cut in two ways. */
function framing({ requests, garbage }: Seen): string[] {
  const broken = garbage.map((text) => `an origin could not read ${JSON.stringify(text.slice(0, 60))}`);
  for (const { fields, malformed } of requests) {
    const lengths = valuesOf(fields, "content-length");
    const codings = valuesOf(fields, "transfer-encoding");
    if (lengths.length > 1 || (lengths.length > 0 && codings.length > 0)) broken.push("an origin saw two lengths");
    if (codings.length > 1 || !/^(chunked)?$/i.test(codings[0] ?? ""))
      broken.push(`an origin saw Transfer-Encoding: ${codings.join()}`);
    if (malformed.length > 0) broken.push(`an origin saw the line ${JSON.stringify(malformed[0])}`);
  }
  return broken;
}

function client(expected: Expectation, seen: Seen): string[] {
  const broken: string[] = [];
  const answer = finals(seen)[expected.response_index ?? 0];
  if (expected.response && answer) broken.push(...response(expected.response, answer));
  for (const text of expected.raw_contains ?? [])
    if (!seen.text.includes(text)) broken.push(`the caller did not see ${JSON.stringify(text)}`);
  for (const text of expected.raw_not_contains ?? [])
    if (seen.text.includes(text)) broken.push(`the caller saw ${JSON.stringify(text)}`);
  if (seen.ms > (expected.max_ms ?? Infinity)) broken.push(`took ${seen.ms} ms`);
  if (expected.first_bytes_within_ms) {
    const { contains = "", ms } = expected.first_bytes_within_ms;
    const mark = seen.marks.find(({ length }) => seen.text.slice(0, length).includes(contains));
    if (!mark || mark.ms > ms) broken.push(`${JSON.stringify(contains)} came after ${mark?.ms} ms`);
  }
  return broken;
}

function response(
  expected: NonNullable<Expectation["response"]>,
  { fields, body, complete, malformed }: Response,
): string[] {
  const broken: string[] = [];
  for (const name of expected.header_absent ?? [])
    if (valuesOf(fields, name).length > 0) broken.push(`the caller has ${name}`);
  for (const name of expected.header_present ?? [])
    if (valuesOf(fields, name).length === 0) broken.push(`the caller has no ${name}`);
  for (const [name, value] of Object.entries(expected.header_equals ?? {})) {
    const got = valuesOf(fields, name).join(", ");
    if (got.toLowerCase() !== value.toLowerCase()) broken.push(`the caller's ${name} is ${got}, not ${value}`);
  }
  for (const [name, lines] of Object.entries(expected.header_lines ?? {}))
    if (JSON.stringify(valuesOf(fields, name)) !== JSON.stringify(lines))
      broken.push(`the caller's ${name} is not ${lines.join(" and ")}`);
  if (body !== (expected.body ?? body)) broken.push(`the caller's body is ${JSON.stringify(body.slice(0, 80))}`);
  if (body.length !== (expected.body_length ?? body.length)) broken.push(`the caller's body has ${body.length} bytes`);
  if (expected.incomplete && complete) broken.push("a part of a body was passed on as the whole");
  if (expected.complete && !complete) broken.push("the response broke off");
  if (expected.bad_head === false && malformed.length > 0) broken.push(`the caller saw the line ${malformed[0]}`);
  return broken;
}
