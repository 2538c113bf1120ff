import { exportJWK, generateKeyPair } from "jose";
import { expect, it } from "vitest";
import type { Jwk } from "../../mesh/key-set.ts";
import { signRequest } from "../../workers/edge-proxy/sign-request.ts";
import { verified } from "../support/message-signature.ts";
import { callWith } from "./layers/call.ts";

const NOW = 1_000_000;

async function signing(headers: Record<string, string> = {}) {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = async (key: typeof publicKey) => ({ ...((await exportJWK(key)) as Jwk), kid: "e1", alg: "ES256" });
  const key = await jwk(privateKey);
  let asked = 0;
  const edgeKey = async () => (asked++, { key, until: NOW + 1000 });
  const call = callWith({ now: () => NOW, edgeKey }, { request: new Request("http://shop.test/", { headers }) });
  return { call, keys: [await jwk(publicKey)], asked: () => asked };
}

it("each try is signed anew, with the caller's own signatures beside; the key is asked for once", async () => {
  const own = { "signature-input": 'mine=("@method");created=1', signature: "mine=:AAAA:" };
  const { call, keys, asked } = await signing(own);
  for (const path of ["/a", "/b", "/c"]) {
    await signRequest(call, path);
    const headers = Object.fromEntries(call.headers);
    const params = await verified({ method: "GET", url: path, headers }, "selvedge", keys);
    expect(params?.get("expires")).toBe(NOW / 1000 + 60);
    expect(headers["signature-input"]?.match(/\w+=\(/g)).toEqual(["mine=(", "selvedge=("]);
    expect(headers["signature"]?.match(/\w+=:/g)).toEqual(["mine=:", "selvedge=:"]);
  }
  expect(asked()).toBe(1);
});

it.each([
  ["/a b/%2f?x=1&y=z y", "/a%20b/%2f?x=1&y=z%20y"],
  ["/a/../b", "/b"],
  ["//other.test/a?", "//other.test/a"],
])("what is signed of %s is how it is sent", async (target, sent) => {
  const { call, keys } = await signing();
  await signRequest(call, target);
  const headers = Object.fromEntries(call.headers);
  expect(await verified({ method: "GET", url: sent, headers }, "selvedge", keys)).toBeDefined();
});

it("without a key the try goes on unsigned, and the answer says so", async () => {
  for (const edgeKey of [async () => undefined, () => Promise.reject(new Error("away"))]) {
    const call = callWith({ now: () => NOW, edgeKey });
    call.headers.set("signature", "of a try before");
    await signRequest(call, "/");
    expect([call.headers.has("signature"), call.standIn]).toEqual([false, "identity"]);
  }
});
