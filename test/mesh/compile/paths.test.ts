import { expect, it } from "vitest";
import { ambiguousPathsOf } from "../../../mesh/match.ts";
import { ready } from "../../support/published.ts";
import { compiled, gateway, route, trafficPolicy } from "../../support/resources.ts";

const listeners = [
  { name: "strict", port: 80, protocol: "HTTP", hostname: "strict.example" },
  { name: "kept", port: 80, protocol: "HTTP", hostname: "*.kept.example" },
];
const front = gateway("front", { gatewayClassName: "selvedge", listeners });
const says = (name: string, ambiguous: string, sectionName?: string) =>
  trafficPolicy(name, {
    targetRefs: [
      {
        group: "gateway.networking.k8s.io",
        kind: "Gateway",
        name: "front",
        ...(sectionName !== undefined && { sectionName }),
      },
    ],
    path: { ambiguous },
  });

it("a listener's own setting goes before its Gateway's, and what is not said refuses", () => {
  const read = (...policies: readonly object[]) =>
    ["strict.example", "a.kept.example", "other.example"].map((host) =>
      ambiguousPathsOf(ready(compiled(front, ...policies).snapshot), 80, host),
    );
  expect(read()).toEqual(["refuse", "refuse", "refuse"]);
  expect(read(says("a", "Resolve"))).toEqual(["resolve", "resolve", "refuse"]);
  expect(read(says("a", "Resolve"), says("b", "Keep", "kept"))).toEqual(["resolve", "keep", "refuse"]);
});

it("of two Gateways with one listener the stricter holds", () => {
  const second = gateway("second", { gatewayClassName: "selvedge", listeners });
  const { snapshot } = compiled(front, second, says("a", "Keep"));
  expect(ambiguousPathsOf(ready(snapshot), 80, "a.kept.example")).toBe("refuse");
});

it("said of a route it is reported", () => {
  const onRoute = trafficPolicy("a", {
    targetRefs: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "r" }],
    path: { ambiguous: "Keep" },
  });
  expect(compiled(route("r", { rules: [] }), onRoute).problems.map(({ code, path }) => `${code} ${path}`)).toContain(
    "not-carried spec.targetRefs[0]",
  );
});
