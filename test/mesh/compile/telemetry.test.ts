import { describe, expect, it } from "vitest";
import type { Policy } from "../../../mesh/snapshot.ts";
import {
  backend,
  compiled,
  front,
  GATEWAY_API,
  route,
  SELVEDGE_API,
  telemetryPolicy,
  to,
} from "../../support/resources.ts";

const TARGETS = {
  mesh: { group: SELVEDGE_API, kind: "Mesh", name: "mesh" },
  namespace: { group: "", kind: "Namespace", name: "default" },
  gateway: { group: GATEWAY_API, kind: "Gateway", name: "front" },
  backend: { group: SELVEDGE_API, kind: "Backend", name: "b" },
  route: { group: GATEWAY_API, kind: "HTTPRoute", name: "shop" },
} as const;
type TargetName = keyof typeof TARGETS;

const world = [
  front(),
  backend("b"),
  route("shop", { parentRefs: [{ name: "front" }], rules: [{ backendRefs: [to("b")] }] }),
];

/** Each keeps what is slower than as many seconds as it has letters. */
const policy = (target: TargetName, spec: object = { keepSlowerThan: `${target.length}s` }) =>
  telemetryPolicy(
    target,
    { targetRefs: [TARGETS[target]], tracing: spec },
    target === "mesh" ? { namespace: "selvedge-system" } : {},
  );

const telemetry = (resources: readonly object[], routeName = "default/shop") =>
  compiled(...world, ...resources)
    .snapshot.rules.find((one) => one.route === routeName)
    ?.layers.find((one): one is Extract<Policy, { kind: "telemetry" }> => one.kind === "telemetry");

describe("a TelemetryPolicy", () => {
  it.each<[TargetName[], TargetName | undefined]>([
    [[], undefined],
    [["mesh"], "mesh"],
    [["mesh", "namespace"], "namespace"],
    [["namespace", "gateway"], "gateway"],
    [["gateway", "backend"], "backend"],
    [["backend", "route", "mesh"], "route"],
  ])("of those of %j that of %s holds, whole", (targets, holds) => {
    const found = telemetry(targets.map((target) => policy(target)));
    expect(found?.tracing.keepSlowerMs).toBe(holds && holds.length * 1000);
  });

  it("holds at the backend's own address too, where no route is", () => {
    expect(telemetry([policy("backend")], "default/b")?.tracing.keepSlowerMs).toBe(7000);
  });

  it.each([
    [{}, { threshold: "fd70a3d70a3d70", keepErrors: true }],
    [{ samplingPercent: 100 }, { threshold: "00000000000000", keepErrors: true }],
    [{ samplingPercent: 0, keepErrors: false }, { keepErrors: false }],
  ])("of %j comes to %j", (spec, tracing) => {
    expect(telemetry([policy("route", spec)])).toEqual({ kind: "telemetry", tracing });
  });

  it("says what stands in the access log, with the defaults filled in", () => {
    const log = (accessLog: object) =>
      telemetry([telemetryPolicy("p", { targetRefs: [TARGETS.route], accessLog })])?.accessLog;
    expect(log({})).toEqual({
      shares: { success: 1, clientError: 1, serverError: 1 },
      requestHeaders: [],
      responseHeaders: [],
      redact: [],
    });
    const filter = "response.status >= 400";
    expect(log({ filter, samplingPercent: { success: 1 }, requestHeaders: ["X-Tenant"], redact: ["Card"] })).toEqual({
      filter,
      shares: { success: 0.01, clientError: 1, serverError: 1 },
      requestHeaders: ["x-tenant"],
      responseHeaders: [],
      redact: ["card"],
    });
    expect(telemetry([policy("route")])).not.toHaveProperty("accessLog");
  });
});
