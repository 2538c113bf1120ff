import { expect, it } from "vitest";
import type { Redirect } from "../../../mesh/snapshot.ts";
import { redirect } from "../../../workers/edge-proxy/layers/redirect.ts";
import { callWith } from "./call.ts";

type Came = { readonly url: string; readonly scheme: "http" | "https"; readonly port: number };

const http: Came = { url: "http://shop.example/x", scheme: "http", port: 80 };
const on8080: Came = { ...http, port: 8080 };
/** TLS ended before the Worker, which got plain HTTP. */
const https: Came = { ...http, scheme: "https", port: 443 };
/** A port mapped on the way: the caller knows 8787, the listener is 80. */
const mapped: Came = { ...http, url: "http://shop.example:8787/x" };

it.each<[string, Came, Partial<Redirect>, string]>([
  ["stays on the scheme and port of its listener", http, {}, "http://shop.example/x"],
  ["names the listener's port when it is not the scheme's", on8080, {}, "http://shop.example:8080/x"],
  ["keeps the scheme that the caller spoke", https, {}, "https://shop.example/x"],
  ["keeps the port that the caller called", mapped, {}, "http://shop.example:8787/x"],
  ["leaves the port out with a new scheme", on8080, { scheme: "https" }, "https://shop.example/x"],
  ["leaves the port out with the scheme named again", on8080, { scheme: "http" }, "http://shop.example/x"],
  ["names a port of its own", http, { port: 8443, scheme: "https" }, "https://shop.example:8443/x"],
  ["leaves out a port of its own that is the scheme's", on8080, { port: 80 }, "http://shop.example/x"],
  ["leaves out a port of its own under TLS", https, { port: 443 }, "https://shop.example/x"],
  ["goes to another host on the same port", on8080, { hostname: "other.example" }, "http://other.example:8080/x"],
])("%s", async (_, { url, scheme, port }, changes, location) => {
  const call = { ...callWith({}, { request: new Request(url) }), path: "/x", scheme, port };
  const answer = redirect({ kind: "redirect", status: 302, ...changes })(() =>
    Promise.reject(new Error("not reached")),
  );
  const { status, headers } = await answer(call);
  expect([status, headers.get("location")]).toEqual([302, location]);
});
