import { expect, it } from "vitest";
import { decode } from "../../../mesh/assemble.ts";
import { readManifest } from "../../../mesh/manifest.ts";
import { published } from "../../support/published.ts";
import { backend, compiled, service, trafficPolicy } from "../../support/resources.ts";

const BACKEND = { group: "mesh.selvedge.dev", kind: "Backend" };
const SERVICE = { group: "", kind: "Service" };
const says = (name: string, onMeshFailure: string, ...targetRefs: object[]) =>
  trafficPolicy(name, { targetRefs, onMeshFailure });

it("the snapshot names the services that may be called directly, whichever they are by kind, and the manifest with it", async () => {
  const { snapshot, problems } = compiled(
    service("s", { ports: [{ port: 80 }] }),
    backend("s"),
    backend("b"),
    backend("no"),
    says("one", "direct", { ...SERVICE, name: "s" }, { ...BACKEND, name: "b" }),
    says("two", "fail", { ...BACKEND, name: "no" }),
  );
  expect(problems).toEqual([]);
  expect(snapshot.direct).toEqual(["b.default", "s.default"]);
  const whole = await published(snapshot);
  expect(readManifest(whole.manifest).direct).toEqual(["b.default", "s.default"]);
  expect(decode(whole).direct).toEqual(snapshot.direct);
});

it("a Backend under a Service of its name is called at the Service's address, and what is said of it alone does not hold there", () => {
  const { snapshot } = compiled(
    service("s", { ports: [{ port: 80 }] }),
    backend("s"),
    says("one", "direct", { ...BACKEND, name: "s" }),
  );
  expect(snapshot).not.toHaveProperty("direct");
});

it("said of a route it is reported", () => {
  const target = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "r" };
  const { problems } = compiled(says("one", "direct", target));
  expect(problems.map(({ code, path }) => `${code} ${path}`)).toContain("not-carried spec.targetRefs[0]");
});
