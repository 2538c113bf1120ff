import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { firstBusy, portsFrom } from "../../local/ports.ts";
import { freeBase } from "../support/ports.ts";

test("no port is shared, and all lie within the span", () => {
  const ports = Object.values(portsFrom(8787));
  expect(ports).toEqual([8787, 8788, 8791, 8792, 8793, 8794, 8795]);
});

test("free ports are free, and a taken one is named with what it was for", async () => {
  const ports = portsFrom(await freeBase());
  expect(await firstBusy(ports)).toBeUndefined();
  const server = createServer().listen(ports.payments, "127.0.0.1");
  await once(server, "listening");
  expect(await firstBusy(ports)).toEqual({ role: "payments", port: ports.payments, code: "EADDRINUSE" });
  server.close();
});

test("a port that someone holds on every address is taken as well", async () => {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  expect(await firstBusy({ ...portsFrom(await freeBase()), edge: port })).toMatchObject({ role: "edge", port });
  server.close();
});
