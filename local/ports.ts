/** Which ports `npm start` takes, and whether they are to be had. */
import { createServer } from "node:net";

/** From one base, so that a second clone runs beside the first with a single option. */
export type Ports = {
  readonly edge: number;
  readonly control: number;
  readonly catalogV1: number;
  readonly catalogV2: number;
  readonly checkout: number;
  readonly payments: number;
  readonly storefront: number;
};

export const DEFAULT_BASE = 8787;
/** How far the last port lies above the base. */
export const SPAN = 8;

export const portsFrom = (base: number): Ports => ({
  edge: base,
  control: base + 1,
  catalogV1: base + 4,
  catalogV2: base + 5,
  checkout: base + 6,
  payments: base + 7,
  storefront: base + 8,
});

export type Busy = { readonly role: keyof Ports; readonly port: number; readonly code: string };

/** The first of the ports that cannot be listened on, if any. */
export async function firstBusy(ports: Ports): Promise<Busy | undefined> {
  for (const role of Object.keys(ports) as (keyof Ports)[]) {
    const code = await refusal(ports[role]);
    if (code !== undefined) return { role, port: ports[role], code };
  }
  return undefined;
}

/** What listening on the port fails with: EADDRINUSE, EACCES, …; `host` is an address, or undefined for all. */
export function refusal(port: number, host: string | undefined = "127.0.0.1"): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
