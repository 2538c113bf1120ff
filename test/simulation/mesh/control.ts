/** Control's Worker in two isolates, an operator who applies, and the clock that calls it. */
import { controller } from "../../../workers/control/index.ts";
import { TOKEN } from "./environment.ts";
import type { World } from "./world.ts";

/** How its cron comes round. */
export const CRON_MS = 60_000;

export class Control {
  readonly #world: World;
  readonly #env: object;
  readonly #committed: (epoch: number) => void;
  #isolates = [controller(), controller()];

  /** `committed` is told of every epoch that was acknowledged. */
  constructor(world: World, bindings: object, committed: (epoch: number) => void) {
    this.#world = world;
    this.#env = { ...bindings, CONTROL_TOKEN: TOKEN, ALLOW_RESERVED: "false" };
    this.#committed = committed;
  }

  /** What isolates knew is gone. */
  restart(): void {
    this.#isolates = [controller(), controller()];
  }

  /** An operator applies again what did not go through. */
  apply(name: string, yaml: string, tries = 0): void {
    const world = this.#world;
    const process = world.spawn(`control.${world.now}`, "control", 0);
    const task = { process, alive: true };
    world.run(task, () => {
      const request = new Request("http://control.test/v1/apply", {
        method: "POST",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ files: [{ name: `${name}.yaml`, text: yaml }] }),
      });
      const context = {
        waitUntil: (work: Promise<unknown>) => void work.catch(() => {}),
        passThroughOnException: () => {},
      };
      void Promise.resolve(this.#isolate().fetch(request as never, this.#env as never, context as never)).then(
        async (response) => {
          const body = await response.text();
          world.say(`control answers apply of ${name}: ${response.status} ${body.slice(0, 900)}`);
          const { epoch } = JSON.parse(body) as { readonly epoch?: number };
          if (response.ok && epoch !== undefined) this.#committed(epoch);
          else if (tries < 3) world.time.after(1000, () => this.apply(name, yaml, tries + 1));
        },
      );
    });
  }

  /** From now on. */
  cron(): void {
    const world = this.#world;
    const task = { process: world.spawn(`cron.${world.now}`, "control", 0), alive: true };
    world.run(task, () => {
      void this.#isolate()
        .scheduled(undefined as never, this.#env as never, { waitUntil: () => {} } as never)
        .catch((error: unknown) => {
          world.say(`cron failed: ${String(error)}`);
        });
    });
    world.time.after(CRON_MS, () => this.cron());
  }

  #isolate(): ReturnType<typeof controller> {
    return this.#isolates[Math.floor(this.#world.random("control")() * 2)]!;
  }
}
