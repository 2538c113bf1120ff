import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Jwk } from "../../../mesh/key-set.ts";
import type { Place, Provider } from "../../../mesh/policies/authenticate.ts";
import type { Claims } from "../../../mesh/policies/authorize-clause.ts";
import type { Call, Outside } from "../../../workers/edge-proxy/layer.ts";
import { Denied } from "../../../workers/edge-proxy/layer.ts";
import { authenticate } from "../../../workers/edge-proxy/layers/authenticate.ts";
import { type Memory, newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

const ISSUER = "https://issuer.example";
const URL_OF_KEYS = "https://issuer.example/keys";
const NOW = 1_800_000_000_000;
const CLAIMS = { iss: ISSUER, aud: "shop", sub: "alice", exp: NOW / 1000 + 600 };
const BEARER: Place = { kind: "header", name: "authorization", prefix: "Bearer " };

type Key = { readonly jwk: JWK & Jwk; readonly secret: CryptoKey };
let rsa: Key;
let ec: Key;
let ed: Key;
let other: Key;

async function newKey(alg: string, kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { jwk: { ...((await exportJWK(publicKey)) as Jwk), kid, alg, use: "sig" }, secret: privateKey };
}

beforeAll(async () => {
  [rsa, ec, ed, other] = await Promise.all([
    newKey("RS256", "rsa"),
    newKey("ES256", "ec"),
    newKey("EdDSA", "ed"),
    newKey("ES256", "ec"),
  ]);
});

let memory: Memory;
let now: number;
beforeEach(() => {
  memory = newMemory("i1");
  now = NOW;
});

const sign = (claims: object, { jwk, secret }: Key, header: object = {}): Promise<string> =>
  new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: jwk.alg!, kid: jwk.kid!, ...header }).sign(secret);
const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const unsigned = (header: object, signature = ""): string => `${base64(header)}.${base64(CLAIMS)}.${signature}`;

const provider = (more: Partial<Provider> = {}): Provider => ({
  name: "ns/p/0",
  issuer: ISSUER,
  audiences: ["shop"],
  keys: { kind: "inline", jwks: { keys: [rsa.jwk, ec.jwk, ed.jwk] } },
  from: [BEARER],
  claimHeaders: [],
  forward: false,
  skewMs: 60_000,
  ...more,
});

type Passed = { readonly cause: string | undefined; readonly claims?: Claims | undefined; readonly call: Call };

/** One request through the layer: what it was refused for, or what its token says. */
async function pass(
  init: { headers?: Record<string, string>; search?: string },
  providers: readonly Provider[] = [provider()],
  { required = false, ...outside }: Partial<Outside> & { required?: boolean } = {},
): Promise<Passed> {
  const request = new Request("http://shop.example/", { headers: init.headers ?? {} });
  const call = callWith({ now: () => now, ...outside }, { request, memory });
  request.headers.forEach((value, name) => call.headers.set(name, value));
  call.search = init.search ?? "";
  try {
    await authenticate({ kind: "authenticate", required, providers })(async () => new Response("ok"))(call);
    return { cause: undefined, claims: call.claims, call };
  } catch (error) {
    if (!(error instanceof Denied)) throw error;
    return { cause: error.denial.cause, call };
  }
}
const bearer = (token: string, more: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${token}`, ...more },
});

describe("a token", () => {
  it("of each of the issuer's keys is accepted, once verified and then by memory", async () => {
    for (const key of [rsa, ec, ed]) {
      const token = await sign({}, key);
      for (let times = 0; times < 2; times++)
        expect(await pass(bearer(token))).toMatchObject({ cause: undefined, claims: { sub: "alice" } });
    }
    expect(memory.tokens.size).toBe(3);
  });

  it("is told by a scheme in any letter case, and by nothing glued to it", async () => {
    const token = await sign({}, ec);
    expect((await pass({ headers: { authorization: `bearer ${token}` } })).claims).toBeDefined();
    for (const authorization of [`Bearer${token}`, token, `Basic ${token}`, "Bearer", "Bearer "])
      expect(await pass({ headers: { authorization } })).toMatchObject({ cause: undefined, claims: undefined });
  });

  it.each<[string, () => string | Promise<string>]>([
    ["without signature", () => unsigned({ alg: "none" })],
    ["of algorithm None", () => unsigned({ alg: "None", kid: "rsa" }, "AA")],
    ["without algorithm", () => unsigned({ kid: "rsa" }, "AA")],
    ["of another key by the same name", () => sign({}, other)],
    ["of an unknown key", () => sign({}, ec, { kid: "nope" })],
    ["of a key for another algorithm", () => sign({}, ec, { kid: "rsa" })],
    ["whose key is named by an object", () => sign({}, ec, { kid: { a: 1 } })],
    ["that brings its own key", async () => sign({}, other, { kid: "x", jwk: other.jwk })],
    ["that names something critical", () => unsigned({ alg: "ES256", kid: "ec", crit: ["x"], x: 1 }, "AA")],
    ["that names nothing critical", () => unsigned({ alg: "ES256", kid: "ec", crit: [] }, "AA")],
    ["of another issuer", () => sign({ iss: "https://evil.example" }, ec)],
    ["without issuer", () => sign({ iss: undefined }, ec)],
    ["for another audience", () => sign({ aud: "cart" }, ec)],
    ["for an audience that contains ours", () => sign({ aud: "x shop y" }, ec)],
    ["for no audience", () => sign({ aud: undefined }, ec)],
    ["that has expired", () => sign({ exp: NOW / 1000 - 61 }, ec)],
    ["that never expires", () => sign({ exp: undefined }, ec)],
    ["that expires at a text", () => sign({ exp: String(CLAIMS.exp) }, ec)],
    ["that is not valid yet", () => sign({ nbf: NOW / 1000 + 61 }, ec)],
    [
      "with a changed claim",
      async () => (await sign({}, ec)).replace(/\..*\./, `.${base64({ ...CLAIMS, sub: "root" })}.`),
    ],
    ["with padding", async () => `${await sign({}, ec)}=`],
    ["of four parts", async () => `${await sign({}, ec)}.AA`],
    ["of two parts", async () => (await sign({}, ec)).split(".").slice(0, 2).join(".")],
    ["whose header is a list", () => `${base64(["alg", "none"])}.${base64(CLAIMS)}.AA`],
    ["whose claims are null", () => `${base64({ alg: "ES256", kid: "ec" })}.${base64("null")}.AA`],
    ["that is no token at all", () => "a.b.c"],
    ["that is endless", () => `${"a".repeat(20_000)}.b.c`],
    ["beside another in one header", async () => `${unsigned({ alg: "none" })}, Bearer ${await sign({}, ec)}`],
  ])("%s is refused", async (_, make) => {
    const { cause, call } = await pass(bearer(await make()));
    expect([cause, call.claims]).toEqual(["unauthorized", undefined]);
  });

  it("of an infinite time is refused: JSON can say 1e999", async () => {
    const payload = base64(JSON.stringify(CLAIMS).replace(String(CLAIMS.exp), "1e999"));
    const head = `${base64({ alg: "ES256", kid: "ec" })}.${payload}`;
    const signed = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, ec.secret, Buffer.from(head));
    expect((await pass(bearer(`${head}.${Buffer.from(signed).toString("base64url")}`))).cause).toBe("unauthorized");
  });

  it("within the skew of clocks is accepted, and forgotten when it expires", async () => {
    expect((await pass(bearer(await sign({ exp: NOW / 1000 - 59 }, ec)))).claims).toBeDefined();
    const token = await sign({ exp: NOW / 1000 + 5 }, ec);
    expect((await pass(bearer(token))).claims).toBeDefined();
    now += 70_000;
    expect((await pass(bearer(token))).cause).toBe("unauthorized");
  });

  it("is never signed by a secret that is public: HMAC has no place in a key set", async () => {
    const token = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: "HS256", kid: "rsa" })
      .sign(new TextEncoder().encode(rsa.jwk.n));
    expect((await pass(bearer(token))).cause).toBe("unauthorized");
  });

  it("verified under one configuration means nothing to the next", async () => {
    const token = await sign({}, ec);
    await pass(bearer(token));
    const without = provider({ name: "ns/q/0", keys: { kind: "inline", jwks: { keys: [rsa.jwk] } } });
    expect((await pass(bearer(token), [without])).cause).toBe("unauthorized");
  });
});

describe("a request without a token", () => {
  it("goes on as nobody's, and is refused where one is required", async () => {
    expect(await pass({})).toMatchObject({ cause: undefined, claims: undefined });
    expect((await pass({}, [provider()], { required: true })).cause).toBe("unauthorized");
  });
});

describe("where a token stands", () => {
  const cookie: Place = { kind: "cookie", name: "token" };
  const query: Place = { kind: "query", name: "access_token" };

  it("is where a provider looks, and it goes no further unless the policy says so", async () => {
    const token = await sign({}, ec);
    const inCookie = await pass({ headers: { cookie: `a=1; token=${token}; b=2` } }, [provider({ from: [cookie] })]);
    expect(inCookie.claims).toBeDefined();
    expect(inCookie.call.headers.get("cookie")).toBe("a=1; b=2");
    const inQuery = await pass({ search: `?x=%20&access_token=${token}&y` }, [provider({ from: [query] })]);
    expect([inQuery.claims?.sub, inQuery.call.search]).toEqual(["alice", "?x=%20&y"]);
    const inHeader = await pass(bearer(token));
    expect(inHeader.call.headers.has("authorization")).toBe(false);
    const kept = await pass(bearer(token), [provider({ forward: true })]);
    expect(kept.call.headers.get("authorization")).toBe(`Bearer ${token}`);
  });

  it("elsewhere is not looked at", async () => {
    const token = await sign({}, ec);
    const elsewhere = { headers: { cookie: `token=${token}` }, search: `?access_token=${token}` };
    expect((await pass(elsewhere, [provider()], { required: true })).cause).toBe("unauthorized");
  });

  it("twice is no token", async () => {
    const token = await sign({}, ec);
    const twice = { search: `?access_token=${token}&access_token=${token}` };
    expect((await pass(twice, [provider({ from: [query] })])).cause).toBe("unauthorized");
  });

  it("must hold a good one in each place that several providers look at", async () => {
    const second = provider({ name: "ns/p/1", issuer: "https://second.example", from: [cookie] });
    const [good, foreign] = [await sign({}, ec), await sign({ iss: "https://second.example" }, ec)];
    const both = await pass(bearer(good, { cookie: `token=${foreign}` }), [provider(), second]);
    expect(both.claims?.iss).toBe(ISSUER);
    // A token of the second issuer, where only the first one's are taken.
    expect((await pass(bearer(foreign), [provider(), second])).cause).toBe("unauthorized");
    expect((await pass(bearer(good, { cookie: "token=a.b.c" }), [provider(), second])).cause).toBe("unauthorized");
  });
});

describe("claims in headers", () => {
  const claimHeaders = [
    { header: "x-user", claim: "sub" },
    { header: "x-groups", claim: "groups" },
    { header: "x-none", claim: "none" },
  ];
  it("are the token's, and never what a caller sent", async () => {
    const forged = { "x-user": "root", "x-none": "root" };
    const token = await sign({ groups: ["a", "b"] }, ec);
    const { call } = await pass(bearer(token, forged), [provider({ claimHeaders })]);
    expect(["x-user", "x-groups", "x-none"].map((name) => call.headers.get(name))).toEqual([
      "alice",
      '["a","b"]',
      null,
    ]);
    const nobody = await pass({ headers: forged }, [provider({ claimHeaders })]);
    expect(nobody.call.headers.has("x-user")).toBe(false);
  });

  it("hold nothing that would be more than one line", async () => {
    const token = await sign({ sub: "a\r\nx: y" }, ec);
    expect((await pass(bearer(token), [provider({ claimHeaders })])).call.headers.has("x-user")).toBe(false);
  });
});

describe("keys that an issuer publishes", () => {
  const remote = () => [provider({ keys: { kind: "remote", url: URL_OF_KEYS } })];
  let published: JWK[];
  let asked: RequestInit[];
  let away: Response | Error | undefined;
  beforeEach(() => {
    [published, asked, away] = [[ec.jwk], [], undefined];
  });
  const fetch: Outside["fetch"] = async (url, init) => {
    expect(url).toBe(URL_OF_KEYS);
    asked.push(init);
    if (away instanceof Error) throw away;
    return away ?? Response.json({ keys: published });
  };

  it("are fetched once, without following redirects, and not at all for a request without token", async () => {
    await pass({}, remote(), { fetch });
    expect(asked).toEqual([]);
    for (let times = 0; times < 3; times++)
      expect((await pass(bearer(await sign({ jti: String(times) }, ec)), remote(), { fetch })).claims).toBeDefined();
    expect(asked.map(({ redirect }) => redirect)).toEqual(["manual"]);
  });

  it("are fetched once for requests that come together", async () => {
    const tokens = await Promise.all([1, 2, 3].map((jti) => sign({ jti: String(jti) }, ec)));
    const all = await Promise.all(tokens.map((token) => pass(bearer(token), remote(), { fetch })));
    expect(all.map(({ claims }) => claims?.jti)).toEqual(["1", "2", "3"]);
    expect(asked.length).toBe(1);
  });

  it("are asked for anew when a token names one that is not there, and no oftener than every ten seconds", async () => {
    await pass(bearer(await sign({}, ec)), remote(), { fetch });
    now += 10_000;
    published = [ec.jwk, rsa.jwk];
    expect((await pass(bearer(await sign({}, rsa)), remote(), { fetch })).claims).toBeDefined();
    for (let times = 0; times < 5; times++)
      expect((await pass(bearer(await sign({}, rsa, { kid: `no${times}` })), remote(), { fetch })).cause).toBe(
        "unauthorized",
      );
    expect(asked.length).toBe(2);
  });

  it("are good for a day when their issuer is away, and then its tokens cannot be checked", async () => {
    const token = (jti: string) => sign({ jti, exp: NOW / 1000 + 200_000 }, ec);
    await pass(bearer(await token("1")), remote(), { fetch });
    away = new Error("connection refused");
    now += 23 * 3_600_000;
    expect((await pass(bearer(await token("2")), remote(), { fetch })).claims).toBeDefined();
    now += 2 * 3_600_000;
    expect((await pass(bearer(await token("3")), remote(), { fetch })).cause).toBe("keys-unavailable");
  });

  it.each<[string, () => Response | Error]>([
    ["an error", () => new Error("connection refused")],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.example" } })],
    ["no key set", () => Response.json([])],
    ["what is not JSON", () => new Response("<html>")],
    ["more than is taken", () => new Response("x".repeat(300_000))],
  ])(
    "that come as %s are none: the token cannot be checked, and is not asked about again at once",
    async (_, answer) => {
      away = answer();
      for (let times = 0; times < 3; times++)
        expect((await pass(bearer(await sign({}, ec)), remote(), { fetch })).cause).toBe("keys-unavailable");
      expect(asked.length).toBe(1);
    },
  );
});
