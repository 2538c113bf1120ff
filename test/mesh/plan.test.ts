import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Plan, planApply, planDelete, planRollback, resultOf, tally } from "../../mesh/plan.ts";
import { generationOf, keyOf, type Resource } from "../../mesh/resources/resource.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const STAMP = "2026-01-02T03:04:05Z";
const OLD = "2020-01-01T00:00:00Z";

const service = (name: string, value = 0, creationTimestamp?: string, generation?: number): Resource => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name,
    namespace: "default",
    ...(creationTimestamp && { creationTimestamp }),
    ...(generation !== undefined && { generation }),
  },
  spec: { value },
});
const shown = ({ changes }: Pick<Plan, "changes">) =>
  changes.map((change) => `${resultOf(change, false).name} ${change.action}`);
const keys = ({ resources }: Pick<Plan, "resources">) => resources.map(({ metadata }) => metadata.name);

describe("planApply", () => {
  const current = [service("a", 0, OLD), service("b", 0, OLD)];

  it.each<[string, Resource[], boolean, string[], string[]]>([
    ["nothing", [], false, [], ["a", "b"]],
    ["nothing, pruning", [], true, ["a deleted", "b deleted"], []],
    ["the same", [service("b"), service("a")], true, ["b unchanged", "a unchanged"], ["a", "b"]],
    ["another value", [service("a", 1)], false, ["a configured"], ["a", "b"]],
    ["one more", [service("c"), service("a")], false, ["c created", "a unchanged"], ["a", "b", "c"]],
    ["one more, pruning", [service("c")], true, ["c created", "a deleted", "b deleted"], ["c"]],
  ])("%s", (_, incoming, prune, changes, left) => {
    const plan = planApply(current, incoming, { prune, now: NOW });
    expect([shown(plan), keys(plan)]).toEqual([changes, left]);
  });

  it("stamps what is new with now in whole seconds, unless its document brings a time", () => {
    const { resources } = planApply([], [service("a"), service("b", 0, OLD)], { prune: false, now: NOW });
    expect(resources.map(({ metadata }) => metadata.creationTimestamp)).toEqual([STAMP, OLD]);
  });

  it("keeps the stamp of what was there, whatever the document says", () => {
    const plan = planApply(current, [service("a", 1, STAMP)], { prune: false, now: NOW });
    expect(plan.resources[0]).toEqual(service("a", 1, OLD, 2));
    expect(shown(planApply(current, [service("a", 0, STAMP)], { prune: false, now: NOW }))).toEqual(["a unchanged"]);
  });

  it("leaves what does not change the objects that they are", () => {
    const { resources } = planApply(current, [service("b"), service("c")], { prune: false, now: NOW });
    expect([resources[0] === current[0], resources[1] === current[1]]).toEqual([true, true]);
  });

  it("minds no order of keys", () => {
    const { apiVersion, kind, metadata, spec } = service("a");
    const turned = { spec, metadata: { namespace: metadata.namespace ?? "", name: metadata.name }, kind, apiVersion };
    expect(shown(planApply(current, [turned], { prune: false, now: NOW }))).toEqual(["a unchanged"]);
  });

  it("takes another version of a kind for the same resource", () => {
    const newer = { ...service("a"), apiVersion: "v2" };
    expect(shown(planApply(current, [newer], { prune: false, now: NOW }))).toEqual(["a configured"]);
  });
});

describe("a generation", () => {
  const apply = (current: Resource[], ...incoming: Resource[]) =>
    planApply(current, incoming, { prune: false, now: NOW }).resources[0]?.metadata.generation;

  it.each<[string, number | undefined, number | undefined]>([
    ["is 1 at first", apply([], service("a")), 1],
    ["is 1 at first, whatever the document says", apply([], service("a", 0, OLD, 7)), 1],
    ["stays while nothing changes", apply([service("a", 0, OLD, 4)], service("a")), 4],
    ["grows with the spec", apply([service("a", 0, OLD, 4)], service("a", 1)), 5],
    [
      "stays when only the apiVersion changes",
      apply([service("a", 0, OLD, 4)], { ...service("a"), apiVersion: "v2" }),
      4,
    ],
    [
      "stays when labels change",
      apply([service("a", 0, OLD, 4)], { ...service("a"), metadata: { ...service("a").metadata, labels: { x: "y" } } }),
      4,
    ],
    ["counts from 1 for what was stored without", apply([service("a", 0, OLD)], service("a", 1)), 2],
    ["is not made up while nothing changes", apply([service("a", 0, OLD)], service("a")), undefined],
  ])("%s", (_, found, expected) => {
    expect(found).toBe(expected);
  });

  it("grows when a rollback brings an older spec back", () => {
    const { resources: back } = planRollback([service("a", 1, OLD, 2)], [service("a", 0, OLD, 1)]);
    expect(back).toEqual([service("a", 0, OLD, 3)]);
  });
});

describe("planDelete", () => {
  const gateway: Resource = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
  const current = [gateway, service("a"), service("b")];

  it("takes kinds by any name, namespaces by default, and each resource once", () => {
    const refs = ["svc", "services", "Service"].map((kind) => ({ kind, name: "b" }));
    const plan = planDelete(current, [...refs, { kind: "Namespace", namespace: "ignored", name: "shop" }]);
    expect([shown(plan), keys(plan), plan.problems]).toEqual([["shop deleted", "b deleted"], ["a"], []]);
  });

  it("reports every name that is not there", () => {
    const { problems } = planDelete(current, [
      { kind: "Service", name: "none" },
      { kind: "Service", namespace: "shop", name: "a" },
      { kind: "Nonsense", name: "a" },
    ]);
    expect(problems.map(({ code, resource }) => [code, resource])).toEqual([
      ["dangling-reference", "Service default/none"],
      ["dangling-reference", "Service shop/a"],
      ["unknown-kind", undefined],
    ]);
  });
});

it("planRollback brings back the old set as it was, stamps and all", () => {
  const old = [service("a", 0, OLD), service("b", 0, OLD)];
  const plan = planRollback([service("a", 0, STAMP), service("c", 0, OLD)], old);
  expect([shown(plan), plan.resources]).toEqual([["a configured", "b created", "c deleted"], old]);
});

it("resultOf shows the resource before and after only when asked for the whole", () => {
  const [change] = planApply([service("a", 0, OLD)], [service("a", 1)], { prune: false, now: NOW }).changes;
  if (!change) throw new Error("no change");
  const ref = { kind: "Service", namespace: "default", name: "a", action: "configured" };
  expect(resultOf(change, false)).toEqual(ref);
  expect(resultOf(change, true)).toEqual({ ...ref, before: service("a", 0, OLD), after: service("a", 1, OLD, 2) });
});

const resources = fc
  .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 0, max: 2 })), {
    selector: ([name]) => name,
  })
  .map((pairs) => pairs.map(([name, value]) => service(name, value)));

const withoutGeneration = ({ metadata: { generation: _generation, ...metadata }, ...rest }: Resource) => ({
  ...rest,
  metadata,
});

// Invariants: applying a plan's result again changes nothing; the tally accounts for the size; rolling back to what was
// there before gives exactly that, with generations that only grow; and what is left is what the files name and, unless
// pruned, what was there.
it("holds for any two sets", () => {
  fc.assert(
    fc.property(resources, resources, fc.boolean(), (first, second, prune) => {
      const before = planApply([], first, { prune: false, now: 0 }).resources;
      const after = planApply(before, second, { prune, now: NOW });
      const again = planApply(after.resources, second, { prune, now: NOW + 5000 });
      expect(tally(again.changes)).toEqual({ created: 0, configured: 0, deleted: 0 });
      expect(again.resources).toEqual(after.resources);

      const { created, deleted } = tally(after.changes);
      expect(after.resources.length).toBe(before.length + created - deleted);
      const back = planRollback(after.resources, before).resources;
      expect(back.map(withoutGeneration)).toEqual(before.map(withoutGeneration));
      const grown = back.flatMap((one) => {
        const now = after.resources.find((each) => keyOf(each) === keyOf(one));
        const same = JSON.stringify(now?.["spec"]) === JSON.stringify(one["spec"]);
        return now ? [generationOf(one) - generationOf(now) - (same ? 0 : 1)] : [];
      });
      expect(grown.every((difference) => difference === 0)).toBe(true);
      const left = new Set(after.resources.map(keyOf));
      const named = (prune ? second : [...before, ...second]).map(keyOf);
      expect(left).toEqual(new Set(named));
    }),
  );
});
