import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { firstBusy, portsFrom } from "../../local/ports.ts";

/** Below what systems give to connections and to sockets that ask for any port, or one of those takes it in between. */
const FIRST = 10_000;
const LAST = 32_000;

/** Nobody listens yet where whoever asked first will. */
const given = new Set<number>();

/** A port that was free a moment ago, that this process was not given before, and that only somebody who asks for this very one takes meanwhile. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(FIRST, LAST);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error("no free port");
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port that was free a moment ago, with the ports that `npm start` takes above it. */
export async function freeBase(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const base = await freePort();
    if (!(await firstBusy(portsFrom(base)))) return base;
  }
  throw new Error("no row of free ports");
}
