import { describe, expect, it } from "vitest";
import { FakeControl } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";
import { script } from "./shop.ts";

const GOOD = `apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: shop }
spec: { endpoints: [{ url: "http://127.0.0.1:9001" }] }
`;

const BAD = `apiVersion: v1
kind: Service
metadata: { name: catalog }
spec:
  prots: []
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRuote
metadata: { name: r }
`;

const DANGLING = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: storefront, namespace: shop }
spec:
  parentRefs: [{ name: nowhere }]
`;

const SHADOWED = `${GOOD}---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front }
spec: { gatewayClassName: selvedge, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: storefront }
spec:
  parentRefs: [{ name: front }]
  rules:
    - matches: [{ path: { value: /cart }, headers: [{ name: x, value: "1" }] }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: shop }]
    - matches: [{ path: { value: /cart/ }, headers: [{ name: X, value: "1" }] }]
      backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: shop }]
  hostnames: [shop.example]
`;

const cwd = () =>
  folder({
    "shadowed.yaml": SHADOWED,
    "good.yaml": GOOD,
    "bad.yaml": BAD,
    "dangling.yaml": DANGLING,
    "broken.yaml": "kind: [\n",
  });

describe("analyze", () => {
  it.each([
    ["analyze-good", "analyze good.yaml"],
    ["analyze-bad", "analyze bad.yaml good.yaml"],
    ["analyze-bad-json", "analyze bad.yaml -o json"],
    ["analyze-bad-yaml", "analyze bad.yaml -o yaml"],
    ["analyze-bad-github", "analyze bad.yaml -o github"],
    ["analyze-warning", "analyze dangling.yaml"],
    ["analyze-threshold", "analyze dangling.yaml --failure-threshold warning"],
    ["analyze-witness", "analyze shadowed.yaml"],
    ["analyze-witness-json", "analyze shadowed.yaml -o json"],
    ["analyze-suppressed", "analyze shadowed.yaml -S unreachable-rule"],
    ["analyze-suppress-unknown", "analyze shadowed.yaml -S unreachable"],
    ["analyze-list", "analyze --list"],
    ["analyze-unparsable", "analyze broken.yaml"],
  ])("%s needs no control plane", async (golden, args) => {
    expect(await selvedge(args, { cwd: cwd() })).toMatchGolden(golden);
  });

  it.each(["log", "json", "yaml", "github"])("exits 79 in format %s as in every other", async (format) => {
    expect((await selvedge(`analyze bad.yaml -o ${format}`, { cwd: cwd() })).code).toBe(79);
  });

  it("leaves out a code of one resource alone", async () => {
    const run = async (resource: string) => {
      const args = ["analyze", "shadowed.yaml", "--suppress", `unreachable-rule=HTTPRoute default/${resource}`];
      return (await selvedge(args, { cwd: cwd() })).stdout;
    };
    expect([await run("storefront"), await run("other")]).toEqual(["", expect.stringContaining("unreachable-rule")]);
  });

  it("reads stdin under its name", async () => {
    const { stdout } = await selvedge("analyze -", { stdin: BAD });
    expect(stdout).toContain("(Service default/catalog <stdin>:5:3)");
  });

  it("takes what is in force when no file is named", async () => {
    await using control = await FakeControl.start(script);
    expect(await selvedge("analyze", { control })).toMatchGolden("analyze-live");
    expect(control.asked.map(({ path }) => path)).toEqual(["/v1/resources"]);
  });

  it("places what only compiling finds, in whatever document of whatever file it stands", async () => {
    const quoted = `---\n${GOOD}---\n${DANGLING}    - name: "gone"\n`.replace(
      "[{ name: nowhere }]",
      "\n    - name: nowhere",
    );
    const { stdout } = await selvedge("analyze -", { stdin: quoted });
    expect(stdout).toContain("(HTTPRoute shop/storefront <stdin>:12:7) spec.parentRefs[0]: no Gateway shop/nowhere");
    expect(stdout).toContain("(HTTPRoute shop/storefront <stdin>:13:7) spec.parentRefs[1]: no Gateway shop/gone");
  });

  it("escapes what GitHub would take for its own", async () => {
    const { stdout } = await selvedge(["analyze", "a,b:c.yaml", "-o", "github"], {
      cwd: folder({ "a,b:c.yaml": BAD }),
    });
    expect(stdout).toContain("file=a%2Cb%3Ac.yaml,line=5");
  });
});
