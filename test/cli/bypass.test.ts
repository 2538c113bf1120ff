import { describe, expect, it } from "vitest";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";

const policy = (name: string, until: string) => ({
  apiVersion: "mesh.selvedge.dev/v1alpha1",
  kind: "TrafficPolicy",
  metadata: { name, namespace: "shop" },
  spec: { targetRefs: [{ group: "", kind: "Service", name: "pay" }], bypass: { until } },
});
const script = {
  "GET /v1/resources": ({ path }: { path: string }) => {
    const { kind, name } = Object.fromEntries(new URL(path, "http://x").searchParams);
    if (kind === "TrafficPolicy") return { body: { items: [policy("bypass-service-pay", "2026-01-01T00:00:00Z")] } };
    return { body: { items: kind === "Backend" && name === "catalog" ? [{ kind }] : [] } };
  },
  "POST /v1/apply": { body: { epoch: 8, hash: "abc", changed: true, results: [], problems: [] } },
  "POST /v1/delete": { body: { epoch: 9, hash: "abc", changed: true, results: [], problems: [] } },
};
const posted = (control: FakeControl) =>
  control.asked.filter(({ method }) => method === "POST").map(({ body }) => body);

describe("bypass", () => {
  it("applies a policy beside the service, which ends by itself", async () => {
    await using control = await FakeControl.start(script);
    const before = Date.now();
    const { code, stderr } = await selvedge("bypass catalog.shop --for 5m", { control });
    expect([code, stderr]).toEqual([0, expect.stringContaining("catalog.shop is without limits")]);
    const [request] = posted(control) as { message: string; files: { text: string }[] }[];
    expect(request?.message).toBe("Bypass catalog.shop for 5m");
    const applied = JSON.parse(request?.files[0]?.text ?? "") as ReturnType<typeof policy>;
    expect(applied).toMatchObject({
      metadata: { name: "bypass-backend-catalog", namespace: "shop" },
      spec: { targetRefs: [{ group: "mesh.selvedge.dev", kind: "Backend", name: "catalog" }] },
    });
    const forMs = Date.parse(applied.spec.bypass.until) - before;
    expect(forMs).toBeGreaterThanOrEqual(300_000);
    expect(forMs).toBeLessThan(360_000);
  });

  it("ends the one that is meant, and lists them with what is left of them", async () => {
    await using control = await FakeControl.start(script);
    expect((await selvedge("bypass end pay.shop", { control })).code).toBe(0);
    expect(posted(control)).toMatchObject([
      { refs: [{ kind: "TrafficPolicy", namespace: "shop", name: "bypass-service-pay" }] },
    ]);
    expect((await selvedge("bypass list", { control })).stdout).toMatch(/shop +Service\/pay +over +bypass-service-pay/);
  });

  it.each([
    ["bypass nothing.shop", 1, "there is no Service and no Backend shop/nothing"],
    ["bypass end catalog.shop", 1, "nothing bypasses catalog.shop"],
    ["bypass catalog", 64, "Write it as NAME.NAMESPACE"],
    ["bypass catalog.shop --for 25h", 64, "A bypass lasts a day at most."],
  ])("%s is refused", async (line, code, said) => {
    await using control = await FakeControl.start(script);
    const refused = await selvedge(line, { control });
    expect([refused.code, refused.stderr]).toEqual([code, expect.stringContaining(said)]);
    expect(posted(control)).toEqual([]);
  });
});
