import { expect, it } from "vitest";
import type { Backend } from "../../../mesh/snapshot.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { exposeEndpoint } from "../../../workers/edge-proxy/layers/expose-endpoint.ts";
import { callWith } from "./call.ts";

const backend: Backend = {
  name: "Backend/shop/api",
  endpoints: [
    { kind: "url", origin: "http://10.0.0.1:8080", path: "/v1", weight: 1 },
    { kind: "binding", binding: "CART", weight: 1 },
  ],
};
const sentTo =
  (endpoint: number, then: Handler = async () => new Response()): Handler =>
  (call) => {
    call.place = { endpoint };
    call.progress.sent = true;
    return then(call);
  };

it.each<[string, Handler, string | null]>([
  ["an answer", sentTo(0), "http://10.0.0.1:8080/v1"],
  ["an answer of a service binding's", sentTo(1), "CART"],
  [
    "a failure",
    sentTo(0, () => Promise.reject(new Denied({ cause: "upstream-unreachable" }))),
    "http://10.0.0.1:8080/v1",
  ],
  [
    "a refusal before anything was sent",
    () => Promise.reject(new Denied({ cause: "breaker-open", retryAfterMs: 1 })),
    null,
  ],
])("%s names the endpoint that had the call", async (_, next, expected) => {
  const call = callWith({});
  await exposeEndpoint([backend])({ kind: "expose-endpoint", backend: 0 })(next)(call).catch(() => {});
  const headers = new Headers();
  call.onAnswer?.(headers);
  expect(headers.get("selvedge-endpoint")).toBe(expected);
});
