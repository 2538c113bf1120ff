import { firstBusy, portsFrom, SPAN } from "../../local/ports.ts";
import { createServer, type AddressInfo } from "node:net";

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A port that was free a moment ago, with the ports that `npm start` takes above it. */
export async function freeBase(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const base = await freePort();
    if (base + SPAN <= 65_535 && !(await firstBusy(portsFrom(base)))) return base;
  }
  throw new Error("no row of free ports");
}
