/** The services behind the mesh: what they do when asked, and what their callers see of it when they are ill. */
import type { Weather } from "./weather.ts";
import type { Task, World } from "./world.ts";

/** One call that left an edge for an endpoint. */
export type Sent = {
  /** `service/index`. */
  readonly endpoint: string;
  readonly service: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly from: Task;
  readonly at: number;
};

/** What a service does besides answering; `outgoing` calls another one through the mesh. */
export type Behaviour = (sent: Sent, outgoing: Outgoing) => Promise<Response>;
export type Outgoing = (host: string, path: string, headers: Headers) => Promise<Response>;

export type Watch = {
  readonly sent: (sent: Sent) => void;
  /** The service has done its work. */
  readonly executed: (sent: Sent) => void;
  /** The call is over, as its caller knows. */
  readonly over: (sent: Sent) => void;
};

/** As workerd throws it where a connection is refused or breaks off. */
const connectionLost = (): Error => Object.assign(new Error("Network connection lost."), { retryable: true });

const WORK_MS = 10;
const SLOW_MS = 400;
const FLAP_MS = 3000;
const UNSTEADY = ["hanging", "failing", "dead"] as const;

export class Services {
  readonly #world: World;
  readonly #weather: Weather;
  readonly #watch: Watch;
  readonly #behaviours: Readonly<Record<string, Behaviour>>;
  /** Calls the mesh, as a service does. */
  outgoing: (from: Task) => Outgoing = () => () => Promise.reject(new Error("no mesh"));

  constructor(world: World, weather: Weather, behaviours: Readonly<Record<string, Behaviour>>, watch: Watch) {
    this.#world = world;
    this.#weather = weather;
    this.#behaviours = behaviours;
    this.#watch = watch;
  }

  /** `http://<service>-<index>.internal/…`. */
  fetch(target: string, init: RequestInit): Promise<Response> {
    const world = this.#world;
    const from = world.task;
    if (!from) throw new Error("nobody fetches");
    const url = new URL(target);
    const [, service = "", index = ""] = /^(\w+)-(\d+)\.internal$/.exec(url.hostname) ?? [];
    const endpoint = `${service}/${index}`;
    const headers = new Headers(init.headers as HeadersInit);
    const sent: Sent = { endpoint, service, method: init.method ?? "GET", url, headers, from, at: world.now };
    world.say(`${from.process.name} sends ${sent.method} ${url.pathname} to ${endpoint}`);
    this.#watch.sent(sent);
    return new Promise((resolve, reject) => {
      let over = false;
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        world.say(`${sent.endpoint} is done with ${headers.get("x-request")}`);
        this.#watch.over(sent);
        settle();
      };
      const { signal } = init;
      const abort = (): void => end(() => reject(signal?.reason as Error));
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      // As fetch does, the body goes out while the answer is awaited.
      if (init.body) void new Response(init.body as BodyInit).arrayBuffer().catch(() => {});
      this.#handle(sent, (answer) =>
        world.arrive(from, world.between("ways", 1, 5), () => {
          end(() => (answer instanceof Error ? reject(answer) : resolve(answer)));
        }),
      );
    });
  }

  #handle(sent: Sent, answer: (with_: Response | Error) => void): void {
    const world = this.#world;
    const behave = this.#behaviours[sent.service];
    const has = this.#weather.endpoints.get(sent.endpoint);
    const illness = has === "unsteady" ? UNSTEADY[Math.floor(world.random("unsteady")() * UNSTEADY.length)] : has;
    const flapped = illness === "flapping" && Math.floor(world.now / FLAP_MS) % 2 === 0;
    if (!behave || illness === "dead" || flapped) return answer(connectionLost());
    if (illness === "hanging") return;
    const workMs = (illness === "slow" ? SLOW_MS : WORK_MS) * world.between("work", 0.5, 1.5);
    const process = world.spawn(sent.endpoint, "services", 0);
    world.arrive({ process, alive: true }, world.between("ways", 1, 5) + workMs, () => {
      if (illness === "failing") return answer(new Response("failed", { status: 503 }));
      this.#watch.executed(sent);
      void behave(sent, this.outgoing(world.task!)).then(
        (response) => answer(illness === "lossy" ? connectionLost() : response),
        (error: unknown) => answer(error as Error),
      );
    });
  }
}
