/**
 * AuthorizationPolicies that allow what was observed and nothing else: for each Service or Backend its callers, and of each the methods
 * and paths by which it came. Paths are those of the rules that took the calls: finer ones are not counted. All are dry runs, since what
 * is called once a month may not have been observed.
 */
import type { Model } from "../compile/model.ts";
import { upsert } from "../compile/upsert.ts";
import { compareText } from "../problem.ts";
import { pathProblem } from "../policies/path-template.ts";
import type { Resource } from "../resources/resource.ts";
import { type Labels, OTHER } from "../telemetry/series.ts";

/** Calls that have these labels in common. */
export type Observed = Pick<Labels, "caller" | "backend" | "route" | "rule" | "method" | "class"> & {
  readonly requests: number;
};

export type LeastPrivilege = {
  readonly policies: readonly Resource[];
  /** Which backends were called by nobody who proved who it is, and how often: anyone may call them in the same way. */
  readonly anonymous: readonly { readonly backend: string; readonly requests: number }[];
  /** Calls that are known by their number alone; whoever made them is in no policy. */
  readonly unnamed: number;
};

/** What one caller does to one backend: paths (none for any), as one text, and the methods by them. */
type Operations = Map<string, Set<string>>;

/** What a rule of a policy can hold (mesh/resources/authorization-policy.ts). */
const MOST_OPERATIONS = 64;
const MOST_CALLERS = 256;
/** Refused calls, and those that a service answered with 4xx, are no privilege that anyone needs. */
const GRANTED: ReadonlySet<string> = new Set(["1xx", "2xx", "3xx", "5xx"]);

export function leastPrivilege(model: Model, calls: readonly Observed[]): LeastPrivilege {
  const backends = new Map<string, Map<string, Operations>>();
  const anonymous = new Map<string, number>();
  let unnamed = 0;
  for (const { caller, backend, route, rule, method, class: status, requests } of calls) {
    if (backend === OTHER) unnamed += requests;
    if (backend === "" || backend === OTHER || !GRANTED.has(status)) continue;
    const name = nameOf(backend);
    if (caller === "") anonymous.set(name, (anonymous.get(name) ?? 0) + requests);
    const callers = upsert(backends, name, () => new Map<string, Operations>());
    const operations = upsert(callers, caller, (): Operations => new Map());
    upsert(operations, pathsOf(model, route, rule).join(" "), () => new Set()).add(method);
  }
  return {
    policies: [...backends].toSorted(([a], [b]) => compareText(a, b)).map(([name, callers]) => policy(name, callers)),
    anonymous: [...anonymous].map(([backend, requests]) => ({ backend, requests })),
    unnamed,
  };
}

/** `Service/shop/cart` of `Service/shop/cart:80`: a policy protects all of its ports. */
const nameOf = (backend: string): string => backend.replace(/:\d+$/, "");

/** What a policy would have to say for the paths of a route's rule; none where it takes any, or such as no policy can say. */
function pathsOf(model: Model, route: string, name: string): readonly string[] {
  const [namespace = "", own = ""] = route.split("/");
  const rules = model.find("HTTPRoute", namespace, own)?.spec.rules ?? [];
  const rule = rules.find((one, index) => (one.name ?? String(index)) === name);
  const patterns = (rule?.matches ?? []).map(({ path }) => patternsOf(path.type, path.value));
  return patterns.includes(ANY) ? ANY : [...new Set(patterns.flat())].toSorted(compareText);
}

const ANY: readonly string[] = [];

function patternsOf(type: string, value: string): readonly string[] {
  const prefix = value.replace(/\/$/, "");
  if (type === "RegularExpression" || (type === "PathPrefix" && prefix === "")) return ANY;
  const patterns = type === "Exact" ? [value] : [prefix, `${prefix}/*`];
  // A path that reads as a template means something else there.
  return /[*{}\s]/.test(value) || patterns.some((pattern) => pathProblem(pattern) !== undefined) ? ANY : patterns;
}

function policy(backend: string, callers: ReadonlyMap<string, Operations>): Resource {
  const [kind = "", namespace = "", name = ""] = backend.split("/");
  // Callers that do the same share a rule.
  const alike = Map.groupBy(
    [...callers]
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([caller, operations]) => ({ caller, to: to(operations) })),
    ({ caller, to: operations }) => `${caller === ""} ${JSON.stringify(operations)}`,
  );
  const rules = [...alike.values()].flatMap((same) => {
    const from = same.flatMap(({ caller }) => (caller === "" ? [] : [caller]));
    return chunks(same[0]!.to, MOST_OPERATIONS).flatMap((operations) =>
      // a group has a member
      (from.length === 0 ? [[]] : chunks(from, MOST_CALLERS)).map((serviceAccounts) => ({
        ...(serviceAccounts.length > 0 && { from: [{ source: { serviceAccounts } }] }),
        ...(operations.every(({ operation }) => Object.keys(operation).length > 0) && { to: operations }),
      })),
    );
  });
  return {
    apiVersion: "mesh.selvedge.dev/v1alpha1",
    kind: "AuthorizationPolicy",
    metadata: { name: `${kind.toLowerCase()}-${name}-observed`, namespace },
    spec: {
      targetRefs: [{ group: kind === "Backend" ? "mesh.selvedge.dev" : "", kind, name }],
      action: "ALLOW",
      dryRun: true,
      rules,
    },
  };
}

type Operation = { readonly operation: { readonly methods?: readonly string[]; readonly paths?: readonly string[] } };

const to = (operations: Operations): Operation[] =>
  [...operations]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([paths, methods]) => ({
      operation: {
        // Calls that were counted before methods were, could have had any.
        ...(!methods.has("") && { methods: [...methods].toSorted(compareText) }),
        ...(paths !== "" && { paths: paths.split(" ") }),
      },
    }));

const chunks = <T>(all: readonly T[], most: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / most) }, (_, n) => all.slice(n * most, (n + 1) * most));
