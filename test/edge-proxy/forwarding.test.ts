import { describe, expect, it } from "vitest";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import { cleanResponse, isLooping, requestHeaders } from "../../workers/edge-proxy/forwarding.ts";

/** What an upstream is sent for a request with these headers. */
function sent(headers: Record<string, string>, client = "192.0.2.1", trustedProxies = 0): Headers {
  // Node's Request drops some names that a Worker is given; a bare object with Headers does not.
  const caller = { client, scheme: "https", trustedProxies } as const;
  return requestHeaders({ headers: new Headers(headers) } as Request, new URL("https://shop.example/a"), caller);
}

describe("towards the upstream", () => {
  it.each([
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "expect",
    ...Object.values(MESH_HEADERS),
    "Selvedge-Cause",
    "selvedge_caller",
    "X_Forwarded_For",
    "x_forwarded_client_cert",
    "proxy",
  ])("%s does not go", (name) => {
    expect(sent({ [name]: "x", "x-kept": "y" }).has(name)).toBe(false);
    expect(sent({ [name]: "x", "x-kept": "y" }).get("x-kept")).toBe("y");
  });

  it.each([
    ["close, X-One,x-two", ["x-one", "x-two"]],
    [" x-one ,, (comment), x-two", ["x-one", "x-two"]],
  ])("what Connection: %j names does not go", (connection, gone) => {
    const headers = sent({ connection, "x-one": "1", "x-two": "2", "x-three": "3" });
    expect([gone.filter((name) => headers.has(name)), headers.get("x-three")]).toEqual([[], "3"]);
  });

  it("a trace that Connection names goes all the same", () => {
    expect(sent({ connection: "traceparent, x-one", traceparent: "00-1", "x-one": "1" }).get("traceparent")).toBe(
      "00-1",
    );
  });

  it("an upgrade goes for WebSocket alone", () => {
    expect(sent({ connection: "upgrade", upgrade: "WebSocket" }).get("upgrade")).toBe("WebSocket");
    expect(sent({ connection: "upgrade", upgrade: "h2c" }).has("upgrade")).toBe(false);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1", 'for=192.0.2.1;host="shop.example";proto=https'],
    ["2001:db8::1", "2001:db8::1", 'for="[2001:db8::1]";host="shop.example";proto=https'],
    ["", null, 'for=unknown;host="shop.example";proto=https'],
  ])("a client at %j is named", (client, forwardedFor, forwarded) => {
    const headers = sent({}, client);
    expect([headers.get("x-forwarded-for"), headers.get("forwarded")]).toEqual([forwardedFor, forwarded]);
  });

  it("what callers claim of hosts, protocols, addresses and certificates does not go", () => {
    const headers = sent({
      "x-forwarded-for": "203.0.113.9",
      forwarded: "for=203.0.113.9",
      via: "1.0 fred",
      "x-forwarded-host": "evil",
      "x-forwarded-proto": "gopher",
      "x-forwarded-client-cert": "By=spiffe://a",
    });
    expect(headers.get("x-forwarded-for")).toBe("192.0.2.1");
    expect(headers.get("forwarded")).toBe('for=192.0.2.1;host="shop.example";proto=https');
    expect(headers.get("via")).toBe("1.0 fred, 1.1 selvedge");
    expect([headers.get("x-forwarded-host"), headers.get("x-forwarded-proto")]).toEqual(["shop.example", "https"]);
    expect(headers.has("x-forwarded-client-cert")).toBe(false);
  });

  it.each(["x-real-ip", "x-forwarded-port", "x-forwarded-prefix"])(
    "%s goes if a proxy of ours can have set it",
    (name) => {
      expect([0, 1].map((trusted) => sent({ [name]: "1" }, "192.0.2.1", trusted).get(name))).toEqual([null, "1"]);
    },
  );

  it.each([
    ["6.6.6.6, 203.0.113.9", 0, "192.0.2.1"],
    ["6.6.6.6, 203.0.113.9", 1, "203.0.113.9, 192.0.2.1"],
    ["6.6.6.6, 203.0.113.9", 2, "6.6.6.6, 203.0.113.9, 192.0.2.1"],
    ["6.6.6.6, 203.0.113.9", 9, "6.6.6.6, 203.0.113.9, 192.0.2.1"],
  ])("of X-Forwarded-For: %s, %i trusted proxies leave %s", (value, trusted, forwarded) => {
    expect(sent({ "x-forwarded-for": value }, "192.0.2.1", trusted).get("x-forwarded-for")).toBe(forwarded);
  });
});

it("a response loses what was meant for one hop", () => {
  const headers = new Headers({
    connection: "x-hop",
    "x-hop": "1",
    upgrade: "h2c",
    "selvedge-cause": "forged",
    "x-kept": "1",
  });
  cleanResponse(headers);
  expect([...headers.keys()]).toEqual(["x-kept"]);
});

it.each([
  [0, false],
  [7, false],
  [8, true],
  [30, true],
])("%i passes through the mesh are a loop: %s", (passes, looping) => {
  const via = ["1.0 other", ...Array.from({ length: passes }, () => "1.1 selvedge")].join(", ");
  expect(isLooping(new Headers({ via }))).toBe(looping);
});
