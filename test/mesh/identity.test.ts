import { describe, expect, it } from "vitest";
import { decode } from "../../mesh/assemble.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { identityOf, isMeshIdentity, isRevoked, type MeshIdentity, serviceAudience } from "../../mesh/identity.ts";
import { published } from "../support/published.ts";

const mesh: MeshIdentity = {
  trustDomain: "mesh",
  workloadKeys: { keys: [{ kty: "EC", kid: "w" }] },
  edgeKeys: { keys: [] },
  revoked: { "spiffe://mesh/ns/a/sa/gone": null, "spiffe://mesh/ns/a/sa/back": 5 },
};
const of = (name: string) => identityOf("mesh", `spiffe://mesh/ns/a/sa/${name}`)!;

describe("a SPIFFE ID", () => {
  it.each([
    ["spiffe://mesh/ns/shop/sa/web", "shop/web"],
    ["spiffe://other/ns/shop/sa/web", undefined],
    ["spiffe://mesh/ns/shop/sa/web/x", undefined],
    ["spiffe://mesh/ns//sa/web", undefined],
    ["https://mesh/ns/shop/sa/web", undefined],
    ["spiffe://mesh@evil/ns/shop/sa/web", undefined],
    [7, undefined],
  ])("%s is %s", (text, expected) => {
    const found = identityOf("mesh", text);
    expect(found && `${found.namespace}/${found.name}`).toBe(expected);
  });

  it("of a service is told from those of workloads, whatever dots are in its name", () => {
    expect(serviceAudience("mesh", "a.b.shop")).toBe("spiffe://mesh/ns/shop/svc/a.b");
  });
});

describe("a revocation", () => {
  it.each<[string, number | undefined, boolean]>([
    ["web", undefined, false],
    ["gone", undefined, true],
    ["gone", 9, true],
    ["back", 5, true],
    ["back", 6, false],
    ["back", undefined, false],
    ["constructor", undefined, false],
  ])("of %s, for what was issued at %s: %s", (name, issuedAt, expected) => {
    expect(isRevoked(mesh, of(name), issuedAt)).toBe(expected);
  });
});

describe("what edges know of identities", () => {
  it("travels in the snapshot, and is absent where there is none", async () => {
    expect(decode(await published(compile([], mesh).snapshot)).identity).toEqual(mesh);
    expect("identity" in decode(await published(compile([]).snapshot))).toBe(false);
  });

  it.each<[string, unknown]>([
    ["a list", []],
    ["without keys", { ...mesh, workloadKeys: undefined }],
    ["with keys that are none", { ...mesh, edgeKeys: { keys: [null] } }],
    ["with a revocation at a text", { ...mesh, revoked: { a: "1" } }],
    ["without trust domain", { ...mesh, trustDomain: undefined }],
  ])("is not believed if it is %s", (_, value) => {
    expect([isMeshIdentity(mesh), isMeshIdentity(value)]).toEqual([true, false]);
  });
});
