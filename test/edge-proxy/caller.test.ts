import { describe, expect, it } from "vitest";
import type { MeshIdentity } from "../../mesh/identity.ts";
import { callerOf } from "../../workers/edge-proxy/caller.ts";
import { deploymentOf, type Vars } from "../../workers/edge-proxy/deployment.ts";
import { callWith } from "./layers/call.ts";

const mesh: MeshIdentity = {
  trustDomain: "mesh",
  workloadKeys: { keys: [] },
  edgeKeys: { keys: [] },
  revoked: { "spiffe://mesh/ns/shop/sa/gone": null, "spiffe://mesh/ns/shop/sa/back": 5 },
};
const vars: Vars = {
  MESH_DOMAIN: "mesh",
  LOOK_EVERY_MS: "1",
  CLIENT_ADDRESS: "x",
  SCOPE: "",
  LISTENER_PORT: "",
  LISTENER_SCHEME: "",
  CALLER: "",
  REPORT_EVERY_MS: "1",
  ALLOW_RESERVED: "false",
  SNAPSHOT_KEYS: "",
  TRUSTED_PROXIES: "0",
  MAX_IN_FLIGHT: "2000",
  CLIENT_CERTIFICATES: "",
  HOST_PRESERVING: "",
};
const listed: Vars = { ...vars, CLIENT_CERTIFICATES: '{"ab12":"shop/web"}' };

/** The workload that a deployment vouches for. */
function vouched(of: Vars, cf: object | undefined, props: unknown): string {
  const request = Object.assign(new Request("http://a/", { headers: { "x-workload": "shop/web" } }), { cf });
  return deploymentOf(of).ingress(request as never, new URL("http://a/"), props).workload;
}
const shown = (certVerified: string, certFingerprintSHA256: string) => ({
  tlsClientAuth: { certVerified, certFingerprintSHA256 },
});

describe("whom a deployment vouches for", () => {
  it.each<[string, Vars, object | undefined, unknown, string]>([
    ["nobody", vars, undefined, {}, ""],
    ["a binding's workload", vars, undefined, { workload: "shop/web" }, "shop/web"],
    ["no props of another form", vars, undefined, { workload: 1 }, ""],
    ["a certificate that is listed", listed, shown("SUCCESS", "AB:12"), {}, "shop/web"],
    ["no certificate that is not listed", listed, shown("SUCCESS", "cd34"), {}, ""],
    ["no certificate by the name of a method", listed, shown("SUCCESS", "constructor"), {}, ""],
    ["no certificate that was not verified", listed, shown("FAILED:expired", "ab12"), {}, ""],
    ["no certificate where none is listed, whatever cf says", vars, shown("SUCCESS", "ab12"), {}, ""],
  ])("is %s", (_, of, cf, props, expected) => {
    expect(vouched(of, cf, props)).toBe(expected);
  });
});

describe("a caller", () => {
  const caller = (workload: string, headers: Record<string, string> = {}, of: MeshIdentity | undefined = mesh) =>
    callerOf(of, workload, new Request("http://a/", { headers }), { epoch: 1, hash: "h" }, callWith({}).outside);

  it("that proves nothing is nobody, at no cost", () => {
    expect(caller("")).toEqual({ identity: undefined, chain: [] });
  });

  it("is whom the deployment vouches for, until that workload is revoked", () => {
    expect(caller("shop/web")).toMatchObject({ identity: { spiffe: "spiffe://mesh/ns/shop/sa/web" } });
    expect(() => caller("shop/gone")).toThrow("unauthorized");
    // Revoked once, and added again since.
    expect(caller("shop/back")).toMatchObject({ identity: { name: "back" } });
  });

  it("with a token that nothing here could have issued is refused", async () => {
    await expect(async () => caller("", { "selvedge-token": "a.b.c" })).rejects.toThrow("unauthorized");
    await expect(async () => caller("", { "selvedge-token": "a.b.c" }, undefined)).rejects.toThrow("unauthorized");
  });
});
