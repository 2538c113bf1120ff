import { describe, expect, it } from "vitest";
import type { Backend, Policy } from "../../../mesh/snapshot.ts";
import { session } from "../../../workers/edge-proxy/layers/session.ts";
import type { Place } from "../../../workers/edge-proxy/layer.ts";
import { callWith } from "./call.ts";

const backend = (name: string, ...hosts: string[]): Backend => ({
  name,
  endpoints: hosts.map((host) => ({ kind: "url", origin: `https://${host}`, path: "", weight: 1 })),
});
const BACKENDS = [backend("a", "a1", "a2"), backend("b", "b1")];
const POLICY: Extract<Policy, { kind: "session" }> = {
  kind: "session",
  scope: "shop/cart/0",
  shares: [0, 1, null],
  carrier: { kind: "cookie", name: "s", permanent: false },
};
const NOW = 1_700_000_000_000;

/** One call through the layer, drawn to `drawn` if no session says otherwise: where it went, and the token it brought back. */
async function call(
  cookie: string | undefined,
  drawn: Place,
  { policy = POLICY, backends = BACKENDS, now = NOW, header }: Partial<Setting> = {},
) {
  const headers = { ...(cookie !== undefined && { cookie: `x=1; s=${cookie}` }), ...header };
  const request = new Request("http://shop.example/cart/1", { headers });
  const one = { ...callWith({ now: () => now }, { request }), folder: "/cart" };
  const layer = session(backends)(policy);
  const response = await layer((inner) => {
    inner.place = { ...drawn, ...inner.place };
    return Promise.resolve(new Response("ok"));
  })(one);
  const given = response.headers.get("set-cookie");
  return {
    place: one.place,
    given,
    token: /^s=([^;]*)/.exec(given ?? "")?.[1] ?? "",
    header: response.headers.get("x-session"),
  };
}

type Setting = {
  readonly policy: Extract<Policy, { kind: "session" }>;
  readonly backends: readonly Backend[];
  readonly now: number;
  readonly header: Record<string, string>;
};

const A2 = { share: 0, endpoint: 1 };
const B1 = { share: 1, endpoint: 0 };

describe("a session", () => {
  it("goes where it began, whatever is drawn, and is told so once", async () => {
    const first = await call(undefined, A2);
    expect(first.given).toMatch(/^s=[\w-]{22}; Path=\/cart; HttpOnly; SameSite=Strict$/);
    const second = await call(first.token, B1);
    expect([second.place, second.given]).toEqual([A2, null]);
  });

  it("finds its endpoint again wherever it stands in a later configuration", async () => {
    const { token } = await call(undefined, A2);
    const backends = [backend("b", "b1"), backend("a", "a0", "a1", "a2")];
    const later = await call(token, { share: 1, endpoint: 0 }, { backends, policy: { ...POLICY, shares: [0, 1] } });
    expect(later.place).toEqual({ share: 1, endpoint: 2 });
  });

  it("whose endpoint is gone begins anew", async () => {
    const { token } = await call(undefined, A2);
    const { place, token: next } = await call(token, B1, { backends: [backend("a", "a1"), BACKENDS[1]!] });
    expect(place).toEqual(B1);
    expect(next).not.toBe(token);
    expect(next).not.toBe("");
  });

  it("of another rule means nothing here", async () => {
    const { token } = await call(undefined, A2, { policy: { ...POLICY, scope: "shop/cart/1" } });
    expect((await call(token, B1)).place).toEqual(B1);
  });

  it.each(["", "x", "A".repeat(22), "__proto__", "constructor"])("by %j is none", async (cookie) => {
    const { place, token } = await call(cookie, B1);
    expect([place, token.length]).toEqual([B1, 22]);
  });

  it("is the first valid one of several cookies of its name", async () => {
    const { token } = await call(undefined, A2);
    expect((await call(`${"A".repeat(22)}; s=${token}`, B1)).place).toEqual(A2);
  });

  it("by header is answered in the header", async () => {
    const policy = { ...POLICY, carrier: { kind: "header", name: "x-session" } } as const;
    const { header, given } = await call(undefined, A2, { policy });
    expect([header, given]).toEqual([expect.stringMatching(/^[\w-]{22}$/), null]);
    const second = await call(undefined, B1, { policy, header: { "x-session": header ?? "" } });
    expect([second.place, second.header]).toEqual([A2, null]);
  });

  it("that was idle for too long begins anew, and one in use is renewed", async () => {
    const policy = { ...POLICY, idleMs: 60_000 };
    const { token } = await call(undefined, A2, { policy });
    const renewed = await call(token, B1, { policy, now: NOW + 30_000 });
    expect(renewed.place).toEqual(A2);
    expect((await call(renewed.token, B1, { policy, now: NOW + 80_000 })).place).toEqual(A2);
    expect((await call(token, B1, { policy, now: NOW + 80_000 })).place).toEqual(B1);
  });

  it("has a cookie of the rule's own where none is named", async () => {
    const named = async (scope: string) => {
      const carrier = { kind: "cookie", permanent: false } as const;
      return (await call(undefined, A2, { policy: { ...POLICY, scope, carrier } })).given?.split("=")[0];
    };
    expect(await named("a/b/0")).toMatch(/^session-[\w-]{8}$/);
    expect(await named("a/b/0")).not.toBe(await named("a/b/1"));
  });

  it("is not told of where nothing was reached", async () => {
    expect((await call(undefined, {})).given).toBeNull();
  });
});
