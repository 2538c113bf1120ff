import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../mesh/canonical.ts";
import { readFiles } from "../../mesh/resources/read.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";
import { resources, script } from "./shop.ts";

describe("get", () => {
  it.each([
    ["get-httproute", "get httproute -n shop"],
    ["get-httproute-wide", "get hr -n shop -o wide"],
    ["get-httproute-all-namespaces", "get httproutes -A"],
    ["get-gateway-wide", "get gateways.gateway.networking.k8s.io -n shop -o wide"],
    ["get-service", "get svc -n shop"],
    ["get-backend-wide", "get backend -n shop -o wide"],
    ["get-policy", "get trafficpolicy patience -n shop"],
    ["get-namespace", "get ns"],
    ["get-several", "get svc,backend -n shop"],
    ["get-all", "get all -n shop"],
    ["get-all-everywhere", "get all -A"],
    ["get-name", "get all -n shop -o name"],
    ["get-none", "get httproute"],
    ["get-none-anywhere", "get gatewayclass"],
    ["get-two-by-name", "get svc/catalog backend/catalog-v1 -n shop"],
    ["get-missing", "get httproute/nope svc/catalog -n shop"],
    ["get-unknown-kind", "get htproute"],
    ["get-mixed-forms", "get svc/catalog backend"],
    ["get-name-everywhere", "get svc catalog -A"],
  ])("%s", async (golden, args) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(args, { control })).toMatchGolden(golden);
  });

  it("prints YAML that reads back as the same resources", async () => {
    await using control = await FakeControl.start(script);
    const { stdout, code } = await selvedge("get all -A -o yaml", { control });
    const read = readFiles([{ name: "again.yaml", text: stdout }]);
    expect({ code, problems: read.problems }).toEqual({ code: 0, problems: [] });
    expect(stdout).toContain("\nstatus:\n");
    expect(new Set(read.resources.map(timeless))).toEqual(new Set(resources().map(timeless)));
  });

  it("prints JSON that reads back too, as a versioned List", async () => {
    await using control = await FakeControl.start(script);
    const { stdout } = await selvedge("get backend -n shop -o json", { control });
    const list = JSON.parse(stdout) as { apiVersion: string; kind: string; items: unknown[] };
    expect([list.apiVersion, list.kind, list.items.length]).toEqual(["cli.selvedge.dev/v1", "List", 2]);
    expect(readFiles([{ name: "again.json", text: stdout }]).problems).toEqual([]);
  });

  it("prints the one resource that was named as itself", async () => {
    await using control = await FakeControl.start(script);
    const { stdout } = await selvedge("get backend/catalog-v1 -n shop -o json", { control });
    expect(JSON.parse(stdout)).toMatchObject({ kind: "Backend", metadata: { name: "catalog-v1" } });
  });

  it("prints two that were named as a List", async () => {
    await using control = await FakeControl.start(script);
    const { stdout } = await selvedge("get backend/catalog-v1 backend/catalog-v2 -n shop -o json", { control });
    expect(JSON.parse(stdout)).toMatchObject({ kind: "List", items: [{ kind: "Backend" }, { kind: "Backend" }] });
  });

  it("asks control for no more than it shows", async () => {
    await using control = await FakeControl.start(script);
    await selvedge("get ns shop", { control });
    expect(control.asked.map(({ path }) => path)).toEqual(["/v1/resources?kind=Namespace&name=shop"]);
  });
});

/** The fixture's times are relative to now, and control's own count is dropped on reading, as status is. */
const timeless = ({ metadata: { creationTimestamp: _time, generation: _count, ...metadata }, ...rest }: Resource) =>
  canonicalJson({ ...rest, metadata });
