/** The mesh under test: one edge for each Gateway and port that a case file addresses, one for each namespace that calls. */
import type { EdgeOptions } from "../../local/mesh.ts";
import { freePort } from "../support/ports.ts";
import type { Case, CaseRequest, Target } from "./case.ts";

/** Where a request goes: the socket, and what stands before its path. */
export type Address = { readonly port: number; readonly prefix: string };

export class Sockets {
  readonly #edges = new Map<string, EdgeOptions>();

  /** `hostPreserving`: the addresses of the backends. */
  static async for(cases: readonly Case[], hostPreserving: readonly string[]): Promise<Sockets> {
    const sockets = new Sockets();
    for (const { requests } of cases)
      for (const { target } of requests)
        if (!sockets.#edges.has(keyOf(target)))
          sockets.#edges.set(keyOf(target), {
            name: `edge-${sockets.#edges.size}`,
            port: await freePort(),
            hostPreserving,
            ...standingFor(target),
          });
    return sockets;
  }

  get edges(): readonly EdgeOptions[] {
    return [...this.#edges.values()];
  }

  /** A mesh request goes by the path form of its service: the Host header is the case's own, and selects nothing. */
  of({ target }: CaseRequest): Address {
    const { port } = this.#edges.get(keyOf(target))!; // made of the same cases
    const service = target.mode === "mesh" ? target.service : undefined;
    return { port, prefix: service ? `/~${service.name}.${service.namespace}:${service.port}` : "" };
  }
}

const keyOf = (target: Target): string =>
  target.mode === "gateway"
    ? `${target.gateway.namespace}/${target.gateway.name} ${target.port} ${target.scheme}`
    : `from ${target.client.namespace}`;

const standingFor = (target: Target): Partial<EdgeOptions> =>
  target.mode === "gateway"
    ? {
        gateway: `${target.gateway.namespace}/${target.gateway.name}`,
        listenerPort: target.port,
        listenerScheme: target.scheme,
      }
    : { caller: target.client.namespace };
