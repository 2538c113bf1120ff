/** Isolates of the edge, with the Worker that production runs: born cold, cut off, killed, frozen. */
import type { Process, Task, World } from "./world.ts";

export type EdgeWorker = { readonly fetch: (request: never, env: never, context: never) => Promise<Response> };

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Whose answer it is. */
  readonly by: Process;
};

/** A place where one isolate after the other runs. */
export type Slot = { readonly name: string; readonly place: string; isolate: Isolate | undefined; born: number };
type Isolate = { readonly process: Process; readonly worker: EdgeWorker; readonly under: Set<() => void> };

/** What outlives a response has so long. */
const LATER_MS = 30_000;

export class Edges {
  readonly slots: readonly Slot[];
  readonly #world: World;
  readonly #unsteadiness: number;
  readonly #make: () => EdgeWorker;
  readonly #envOf: (slot: Slot) => object;
  /** Is told of every answer that the Worker gave, whether or not its caller still listens. */
  onAnswer: (process: Process, cause: string) => void = () => {};

  constructor(
    world: World,
    slots: readonly Omit<Slot, "isolate" | "born">[],
    unsteadiness: number,
    make: () => EdgeWorker,
    envOf: (slot: Slot) => object,
  ) {
    this.#world = world;
    this.slots = slots.map((slot) => ({ ...slot, isolate: undefined, born: 0 }));
    this.#unsteadiness = unsteadiness;
    this.#make = make;
    this.#envOf = envOf;
  }

  /** Undefined: the connection broke off. The caller leaves after `patienceMs`, which cuts the request off in the middle. */
  send(slot: Slot, request: Request, patienceMs: number, answered: (answer: Answered | undefined) => void): void {
    const world = this.#world;
    const isolate = (slot.isolate ??= this.#born(slot));
    const task: Task = { process: isolate.process, alive: true };
    let over = false;
    const end = (answer: Answered | undefined): void => {
      if (over) return;
      over = true;
      patience.run = undefined;
      isolate.under.delete(lost);
      answered(answer);
    };
    const lost = (): void => end(undefined);
    isolate.under.add(lost);
    const patience = world.time.after(patienceMs, () => {
      task.alive = false;
      end(undefined);
    });
    world.arrive(task, world.between("ways", 1, 10), () => void this.#serve(slot, isolate, task, request, end));
  }

  async #serve(
    slot: Slot,
    { worker, process }: Isolate,
    task: Task,
    request: Request,
    end: (answer: Answered) => void,
  ): Promise<void> {
    const world = this.#world;
    let later = 0;
    let served = false;
    const leave = (): void => {
      if (served && later === 0) task.alive = false;
    };
    const context = {
      waitUntil: (work: Promise<unknown>) => {
        later++;
        const done = (): void => {
          later--;
          leave();
        };
        void work.catch(() => {}).finally(done);
      },
      passThroughOnException: () => {},
      props: {},
    };
    const response = await worker.fetch(request as never, this.#envOf(slot) as never, context as never);
    this.onAnswer(process, response.headers.get("selvedge-cause") ?? "");
    const body = await response.text();
    world.time.after(world.between("ways", 1, 10), () =>
      end({ status: response.status, headers: response.headers, body, by: process }),
    );
    served = true;
    leave();
    world.time.after(LATER_MS, () => {
      task.alive = false;
    });
  }

  /** Whoever waits for it hears that the connection broke off; the next request finds a new isolate. */
  kill(slot: Slot): void {
    const { isolate } = slot;
    if (!isolate) return;
    isolate.process.alive = false;
    slot.isolate = undefined;
    for (const lost of isolate.under) this.#world.time.after(5, lost);
  }

  freeze({ isolate }: Slot, ms: number): void {
    if (isolate) isolate.process.frozenUntil = this.#world.now + ms;
  }

  #born(slot: Slot): Isolate {
    const process = this.#world.spawn(`${slot.name}.${++slot.born}`, slot.place, this.#unsteadiness);
    return { process, worker: this.#make(), under: new Set() };
  }
}
