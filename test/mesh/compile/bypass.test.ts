import { describe, expect, it } from "vitest";
import type { Policy } from "../../../mesh/snapshot.ts";
import {
  backend,
  compiled,
  front,
  GATEWAY_API,
  route,
  SELVEDGE_API,
  service,
  to,
  trafficPolicy,
} from "../../support/resources.ts";

const TARGETS = {
  route: { group: GATEWAY_API, kind: "HTTPRoute", name: "shop" },
  b: { group: SELVEDGE_API, kind: "Backend", name: "b" },
  c: { group: SELVEDGE_API, kind: "Backend", name: "c" },
  service: { group: "", kind: "Service", name: "s" },
} as const;
/** The later the name, the later the end, in seconds since 1970. */
const ENDS = { route: 1, b: 2, c: 3, service: 4 } as const;
type TargetName = keyof typeof TARGETS;

const bypass = (target: TargetName) =>
  trafficPolicy(`bypass-${target}`, {
    targetRefs: [TARGETS[target]],
    bypass: { until: new Date(ENDS[target] * 1000).toISOString() },
  });
const world = [
  front(),
  backend("b"),
  backend("c"),
  service("s", { ports: [{ port: 80 }] }),
  route("shop", { parentRefs: [{ name: "front" }], rules: [{ name: "both", backendRefs: [to("b"), to("c")] }] }),
  route("own", { parentRefs: [{ group: "", kind: "Service", name: "s" }], rules: [{ backendRefs: [to("b")] }] }),
];

/** When a bypass in these layers ends, in seconds. */
const endOf = (layers: readonly Policy[]): number | undefined => {
  const [first] = layers;
  return first?.kind === "bypass" ? first.until / 1000 : undefined;
};

describe("a bypass", () => {
  it.each<[string, TargetName[], title: string, rule: number | undefined, backends: (number | undefined)[]]>([
    ["is nowhere by default", [], "default/shop", undefined, [undefined, undefined]],
    ["of a route is its rules' and all their backends'", ["route"], "default/shop", 1, [1, 1]],
    ["of a backend is that backend's, on every way there", ["b"], "default/shop", undefined, [2, undefined]],
    ["of all that a rule leads to is the rule's, until the first of them ends", ["b", "c"], "default/shop", 2, [2, 3]],
    ["of a Service is its own routes' and their backends'", ["service"], "default/own", 4, [4]],
    ["of a Service is no other route's", ["service"], "default/shop", undefined, [undefined, undefined]],
    ["of a Backend holds at its own address", ["c"], "default/c", 3, [3]],
  ])("%s", (_, targets, title, rule, backends) => {
    const { snapshot } = compiled(...world, ...targets.map(bypass));
    const found = snapshot.rules.find(({ route: name }) => name === title)!; // it is in the table
    expect(endOf(found.layers)).toBe(rule);
    expect(found.backends.map(({ layers }) => endOf(layers))).toEqual(backends);
  });
});
