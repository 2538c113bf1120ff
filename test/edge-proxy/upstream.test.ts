import { expect, it } from "vitest";
import type { Endpoint } from "../../mesh/snapshot.ts";
import { Denied } from "../../workers/edge-proxy/layer.ts";
import { upstream } from "../../workers/edge-proxy/upstream.ts";
import { callWith } from "./layers/call.ts";

const metadata: Endpoint = { kind: "url", origin: "http://169.254.169.254", path: "", weight: 1, reserved: true };
const sent: string[] = [];
const outside = (allowReserved: boolean) => ({
  allowReserved,
  now: () => 0,
  random: () => 0,
  hostPreserving: () => undefined,
  fetch: async (url: string) => {
    sent.push(url);
    return new Response("there");
  },
});

it("does not contact a reserved address, and says so, outside a local mesh", async () => {
  sent.length = 0;
  const calling = upstream({ name: "b", endpoints: [metadata] })(callWith(outside(false)));
  const cause = await calling.catch((error: unknown) => (error instanceof Denied ? error.denial.cause : error));
  expect(cause).toBe("address-refused");
  expect(sent).toEqual([]);
});

it("contacts it in a local mesh", async () => {
  const response = await upstream({ name: "b", endpoints: [metadata] })(callWith(outside(true)));
  expect(await response.text()).toBe("there");
});
