/**
 * Which AuthorizationPolicies must admit a call. What is protected is a Service or Backend: the policies of its namespace on the way
 * to it, those of the namespace as a whole, and those of the whole mesh are one group. Policies of other namespaces on the way (a
 * Gateway's, a consumer's) are groups of their own: they can refuse, and cannot open what is not theirs.
 */
import type { Attribute, Clause } from "../../policies/authorize-clause.ts";
import type { AuthorizationGroup, AuthorizationPolicy, AuthorizationRule } from "../../policies/authorize.ts";
import { whenKey } from "../../resources/authorization-policy.ts";
import type { Policy } from "../../snapshot.ts";
import type { Item } from "../model.ts";
import { MESH_TARGET, namespaceTarget, type Policies, type Target, titleOf } from "../policies.ts";

/** Where copies of a rule's requests go. `backend` is an index into the snapshot's, and `name` its name. */
export type Mirrored = { readonly backend: number; readonly name: string; readonly target: Target };

/** `way` is what the rule is reached through and the rule itself; `leadsTo` is where it can lead. */
export function authorizeLayer(
  policies: Policies,
  way: readonly Target[],
  leadsTo: readonly Target[],
  mirrored: readonly Mirrored[] = [],
): Policy[] {
  // A Service that is called by its address is protected, wherever its own route then leads.
  const destinations = [...way.filter(({ kind }) => kind === "Service"), ...leadsTo];
  const homes = new Set(destinations.map(({ namespace }) => namespace));
  const ways = Map.groupBy(way, ({ namespace }) => namespace);
  const groupOf = (targets: readonly Target[]): AuthorizationGroup =>
    [...new Set(policies.attached("AuthorizationPolicy", targets))].map(compiled);
  const protecting = (target: Target): AuthorizationGroup =>
    groupOf([
      MESH_TARGET,
      namespaceTarget(target.namespace),
      ...(ways.get(target.namespace) ?? []).filter(({ kind }) => kind !== "Service"),
      target,
    ]);
  const groups = [
    ...[...ways].filter(([namespace]) => !homes.has(namespace)).map(([, targets]) => groupOf(targets)),
    ...destinations.map(protecting),
  ];
  const distinct = new Map(groups.map((group) => [nameOf(group), group]));
  // What admitted the call itself is not asked again of its copy.
  const once = new Map(mirrored.map((one) => [one.name, one]));
  const mirrors = [...once.values()].flatMap(({ backend, name, target }) => {
    const group = protecting(target);
    return group.length === 0 || distinct.has(nameOf(group)) ? [] : [{ backend, name, groups: [group] }];
  });
  distinct.delete("");
  if (distinct.size + mirrors.length === 0) return [];
  return [{ kind: "authorize", groups: [...distinct.values()], ...(mirrors.length > 0 && { mirrors }) }];
}

const nameOf = (group: AuthorizationGroup): string => group.map(({ name }) => name).join(" ");

function compiled(policy: Item<"AuthorizationPolicy">): AuthorizationPolicy {
  const { action, dryRun, trustedProxies, rules } = policy.spec;
  return {
    name: titleOf(policy),
    action,
    ...(dryRun && { dryRun }),
    trustedProxies,
    rules: rules.map((rule, index) => ruleOf(rule, index, policy.metadata.namespace)),
  };
}

type Spec = Item<"AuthorizationPolicy">["spec"];
type Rule = Spec["rules"][number];
type Source = NonNullable<Rule["from"]>[number]["source"];
type Operation = NonNullable<Rule["to"]>[number]["operation"];

function ruleOf(
  { name, from = [], to = [], when = [], condition }: Rule,
  index: number,
  home: string,
): AuthorizationRule {
  const at = `spec.rules[${index}]`;
  const parts = [
    ...(from.length > 0
      ? [from.map(({ source }, nth) => clauses(SOURCE, local(source, home), `${at}.from[${nth}].source`))]
      : []),
    ...(to.length > 0
      ? [to.map(({ operation }, nth) => clauses(OPERATION, operation, `${at}.to[${nth}].operation`))]
      : []),
    ...when.map(({ key, values, notValues }, nth): Clause[][] => [
      [{ of: whenKey(key)!, path: `${at}.when[${nth}]`, ...(values && { values }), ...(notValues && { notValues }) }], // the schema has read the key
    ]),
    ...(condition === undefined
      ? []
      : [[[{ of: { kind: "condition" }, path: `${at}.condition`, values: [condition] } satisfies Clause]]]),
  ];
  return { name: name ?? String(index), parts };
}

/** A service account without namespace is one of the policy's own. */
function local(source: Source, home: string): Source {
  const qualified = (names: readonly string[] | undefined) =>
    names?.map((name) => (name === "*" || name.includes("/") ? name : `${home}/${name}`));
  return {
    ...source,
    serviceAccounts: qualified(source.serviceAccounts),
    notServiceAccounts: qualified(source.notServiceAccounts),
  };
}

type Fields<T> = readonly (readonly [field: keyof T & string, not: keyof T & string, kind: Attribute["kind"]])[];

const SOURCE: Fields<Source> = [
  ["principals", "notPrincipals", "principal"],
  ["requestPrincipals", "notRequestPrincipals", "requestPrincipal"],
  ["namespaces", "notNamespaces", "namespace"],
  ["serviceAccounts", "notServiceAccounts", "serviceAccount"],
  ["ipBlocks", "notIpBlocks", "ip"],
  ["remoteIpBlocks", "notRemoteIpBlocks", "remoteIp"],
  ["callChain", "notCallChain", "chain"],
];

const OPERATION: Fields<Operation> = [
  ["hosts", "notHosts", "host"],
  ["ports", "notPorts", "port"],
  ["methods", "notMethods", "method"],
  ["paths", "notPaths", "path"],
];

function clauses<T extends Source | Operation>(fields: Fields<T>, given: T, at: string): Clause[] {
  return fields.flatMap(([field, not, kind]): Clause[] => {
    const of = { kind } as Attribute;
    const values = given[field] as readonly string[] | undefined;
    const notValues = given[not] as readonly string[] | undefined;
    return [
      ...(values ? [{ of, path: `${at}.${field}`, values }] : []),
      ...(notValues ? [{ of, path: `${at}.${not}`, notValues }] : []),
    ];
  });
}
