/** What lies between the edges and one of a service's endpoints: a TCP relay that can be ill. */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** `resets`: whatever is open is reset, and whatever comes. `swallows`: connections stand, and no byte passes. */
export type Illness = "well" | "resets" | "swallows";

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #illness: Illness = "well";

  private constructor(to: number) {
    this.#server = createServer((near) => {
      this.#keep(near);
      if (this.#illness === "resets") return void near.resetAndDestroy();
      const far = this.#keep(connect(to, "127.0.0.1"));
      near.on("data", (bytes) => this.#illness === "well" && far.write(bytes));
      far.on("data", (bytes) => this.#illness === "well" && near.write(bytes));
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
  }

  static async to(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What was swallowed is not handed on later: those connections are gone. */
  become(illness: Illness): void {
    const before = this.#illness;
    this.#illness = illness;
    if (illness === "resets") for (const socket of this.#sockets) socket.resetAndDestroy();
    else if (before === "swallows") for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
  }
}
