import { describe, expect, it } from "vitest";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";
import { resources, script } from "./shop.ts";

describe("selvedge describe", () => {
  it.each([
    ["describe-gateway", "describe gateway public -n shop"],
    ["describe-httproute", "describe hr/storefront -n shop"],
    ["describe-refused", "describe httproute audit -n ops"],
    ["describe-policy", "describe trafficpolicies patience -n shop"],
    ["describe-backend", "describe backend catalog-v1 -n shop"],
    ["describe-service", "describe svc catalog -n shop"],
    ["describe-all-of-a-kind", "describe backends -n shop"],
    ["describe-namespace", "describe ns shop"],
    ["describe-missing", "describe backend catalog-v1 nope -n shop"],
    ["describe-none", "describe backend"],
    ["describe-unknown-kind", "describe backnd catalog"],
  ])("%s", async (golden, args) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(args, { control })).toMatchGolden(golden);
  });

  it("tells of a control plane that knows no status what it can", async () => {
    await using control = await FakeControl.start({
      "GET /v1/resources": { body: { epoch: 12, items: resources() } },
    });
    expect(await selvedge("describe hr/storefront -n shop", { control })).toMatchGolden("describe-without-status");
  });

  it("shows a class that is built in", async () => {
    const builtIn = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "selvedge" },
      spec: { controllerName: "mesh.selvedge.dev/edge" },
      status: { conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "" }] },
    };
    await using control = await FakeControl.start({
      "GET /v1/resources": ({ path }) => ({
        body: { epoch: 12, items: path.includes("GatewayClass") ? [builtIn] : resources() },
      }),
    });
    expect(await selvedge("describe gatewayclass selvedge", { control })).toMatchGolden("describe-gatewayclass");
  });
});
