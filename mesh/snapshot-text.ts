/** A snapshot as text: what its hash names and KV holds. Writing is canonical; reading proves that this edge can run it. */
import { canonicalJson, isRecord } from "./canonical.ts";
import { check, isIndex, isPairs, isPort, isPositive, isTexts, type Raw } from "./check.ts";
import { Interned } from "./interned.ts";
import { patternProblem } from "./pattern.ts";
import { checkLayers } from "./policy-check.ts";
import { type Policy, type Snapshot, SNAPSHOT_FORMAT } from "./snapshot.ts";

/**
 * The canonical text. Thousands of rules share a few lists of layers, so that the text has each list once, in `stacks`, and
 * rules name it by its index: a quarter of the bytes to hash, to parse and to hold.
 */
export function encode(snapshot: Snapshot): string {
  const stacks = new Interned<readonly Policy[]>();
  const rules = snapshot.rules.map(({ layers, backends, ...rule }) => ({
    ...rule,
    layers: stacks.index(layers),
    backends: backends.map((share) => ({ ...share, layers: stacks.index(share.layers) })),
  }));
  return canonicalJson({ ...snapshot, rules, stacks: stacks.list });
}

/**
 * The snapshot that `text` holds. Throws an Error that says what is wrong with it: the edge then refuses the whole and
 * keeps the one it has. The hash has proven who wrote the text; this proves that this edge can run it: whatever a request
 * would trip over is found here.
 */
export function decode(text: string): Snapshot {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error("not a snapshot");
  if (value.format !== SNAPSHOT_FORMAT)
    throw new Error(`format ${String(value.format)}, this edge reads ${SNAPSHOT_FORMAT}`);
  const { listeners, services, rules, backends, stacks, ...rest } = value;
  if (!Array.isArray(listeners) || !isRecord(services) || !Array.isArray(rules) || !Array.isArray(backends))
    throw new Error("a part is missing");
  if (!Array.isArray(stacks)) throw new Error("a part is missing");
  for (const layers of stacks) checkLayers(layers, backends.length);
  const patterns: Patterns = new Map();
  for (const listener of listeners) {
    check(isRecord(listener) && isPort(listener.port) && typeof listener.hostname === "string", "a listener");
    check(isRecord(listener.hosts), "a listener's hosts");
    check([undefined, "resolve", "keep"].includes(listener.paths as string), "a listener's paths");
    check(isTexts(listener.gateways), "a listener's Gateways");
    for (const table of Object.values(listener.hosts)) checkTable(table, rules.length, patterns);
  }
  for (const ports of Object.values(services)) {
    check(Array.isArray(ports), "a service");
    for (const one of ports) {
      check(isRecord(one) && isPort(one.port), "a service's port");
      checkTable(one.table, rules.length, patterns);
      check(one.consumers === undefined || isRecord(one.consumers), "a service's consumers");
      for (const table of Object.values(one.consumers ?? {})) checkTable(table, rules.length, patterns);
    }
  }
  for (const rule of rules) {
    check(isRecord(rule) && typeof rule.route === "string" && typeof rule.rule === "string", "a rule");
    rule.layers = stackAt(stacks, rule.layers);
    check(Array.isArray(rule.backends), "a rule's backends");
    for (const share of rule.backends) {
      check(isRecord(share) && (share.weight === 0 || isPositive(share.weight)), "a share of traffic");
      check(share.backend === null || isIndex(share.backend, backends.length), "a backend's index");
      share.layers = stackAt(stacks, share.layers);
    }
  }
  for (const backend of backends) {
    check(isRecord(backend) && typeof backend.name === "string" && Array.isArray(backend.endpoints), "a backend");
    for (const endpoint of backend.endpoints) check(isEndpoint(endpoint), "an endpoint");
  }
  return { ...rest, listeners, services, rules, backends } as unknown as Snapshot;
}

/** One list for all rules that name it. */
function stackAt(stacks: readonly unknown[], index: unknown): unknown {
  check(isIndex(index, stacks.length), "the index of a list of layers");
  return stacks[index as number];
}

function checkTable(table: unknown, rules: number, patterns: Patterns): void {
  check(isRecord(table) && isRecord(table.exact) && isRecord(table.prefix), "a route table");
  const { exact, regex = {}, prefix } = table;
  check(isRecord(regex), "a table's regular expressions");
  for (const paths of [exact, regex, prefix])
    for (const candidates of Object.values(paths)) {
      check(Array.isArray(candidates), "a path");
      for (const candidate of candidates) {
        check(isRecord(candidate) && isIndex(candidate.rule, rules), "a rule's index");
        const { path, method, headers, query } = candidate;
        check((paths === regex) === (path !== undefined), "a candidate's place");
        check(path === undefined || isPattern(path, patterns), "a path's pattern");
        check(method === undefined || typeof method === "string", "a method");
        check(headers === undefined || areConditions(headers, patterns), "a header condition");
        check(query === undefined || areConditions(query, patterns), "a query condition");
      }
    }
}

/** Whether each text that was seen is a pattern: many rules share one. */
type Patterns = Map<string, boolean>;

function isPattern(text: unknown, patterns: Patterns): boolean {
  if (typeof text !== "string") return false;
  const known = patterns.get(text) ?? patternProblem(text) === undefined;
  patterns.set(text, known);
  return known;
}

const areConditions = (conditions: unknown, patterns: Patterns): boolean =>
  isPairs(conditions) &&
  (conditions as Raw[]).every(
    ({ regex, value }) => regex === undefined || (regex === true && isPattern(value, patterns)),
  );

function isEndpoint(endpoint: unknown): boolean {
  if (!isRecord(endpoint) || !isPositive(endpoint.weight)) return false;
  const { zone, priority } = endpoint;
  if (zone !== undefined && typeof zone !== "string") return false;
  if (priority !== undefined && priority !== 0 && !isPositive(priority)) return false;
  if (endpoint.kind === "binding") return typeof endpoint.binding === "string";
  return endpoint.kind === "url" && typeof endpoint.origin === "string" && typeof endpoint.path === "string";
}
