/** The state objects, with the classes that production runs, and the way to them. */
import { copyOf } from "./copy.ts";
import { type Disk, emptyDisk, storageOn } from "./storage.ts";
import type { Weather } from "./weather.ts";
import type { Process, World } from "./world.ts";

type Instance = { readonly process: Process; readonly object: object; usedAt: number };
type Kept = {
  readonly disk: Disk;
  current: Instance | undefined;
  /** An instance that does not know yet that another has its storage, and until when messages find it. */
  zombie: { readonly instance: Instance; readonly until: number } | undefined;
  born: number;
};
type Method = (...args: readonly unknown[]) => unknown;
export type ObjectClass = new (ctx: never, env: never) => object;
/** What a caller was answered, for those who watch. */
export type Heard = {
  readonly object: string;
  readonly method: string;
  readonly reply: unknown;
};

/** The platform's, roughly: an object that has nothing to do loses its memory. */
const IDLE_MS = 10_000;

export class Objects {
  readonly #world: World;
  readonly #weather: Weather;
  readonly #classes: Readonly<Record<string, ObjectClass>>;
  readonly #unsteadiness: number;
  readonly #all = new Map<string, Kept>();
  /** Is told of every reply that reaches its caller, in the caller's task. */
  onReply: (heard: Heard) => void = () => {};
  /** Is told of every message that is sent. */
  onCall: (object: string, from: Process) => void = () => {};
  /** Is told of every message that reaches its object. */
  onMessage: (object: string, from: Process) => void = () => {};
  messages = 0;

  constructor(world: World, weather: Weather, classes: Readonly<Record<string, ObjectClass>>, unsteadiness: number) {
    this.#world = world;
    this.#weather = weather;
    this.#classes = classes;
    this.#unsteadiness = unsteadiness;
  }

  get names(): readonly string[] {
    return [...this.#all.keys()];
  }

  namespace(binding: string): { getByName: (name: string) => object } {
    return {
      getByName: (name) =>
        new Proxy(
          {},
          {
            get: (_, method) =>
              // A stub is no promise.
              method === "then" || typeof method === "symbol"
                ? undefined
                : (...args: unknown[]) => this.#call(`${binding}/${name}`, method, args),
          },
        ),
    };
  }

  /** Memory gone, storage kept. */
  reset(name: string): void {
    const kept = this.#all.get(name);
    if (!kept?.current) return;
    kept.current.process.alive = false;
    kept.current = undefined;
  }

  /** A new instance takes over; the old one goes on without knowing, and is found by half of the messages. */
  supersede(name: string, ms: number): void {
    const kept = this.#all.get(name);
    if (!kept?.current || kept.zombie) return;
    kept.zombie = { instance: kept.current, until: this.#world.now + ms };
    kept.current = undefined;
  }

  /** What an object answers, asked outside of time. */
  ask(name: string, method: string, ...args: readonly unknown[]): Promise<unknown> {
    const kept = this.#keptOf(name);
    const instance = this.#instanceOf(name, kept);
    return new Promise((resolve, reject) => {
      this.#handle(instance, method, args, resolve, reject);
    });
  }

  /** Nothing is asked any more. */
  close(): void {
    for (const { disk } of this.#all.values()) disk.sql?.close();
    this.#all.clear();
  }

  #call(name: string, method: string, args: readonly unknown[]): Promise<unknown> {
    const world = this.#world;
    const from = world.task;
    if (!from) throw new Error(`${name}.${method} is called by nobody`);
    const weather = this.#weather;
    const chance = (part: number): boolean => part > 0 && world.random("network")() < part;
    const way = (): number => world.between("network", 1, 8) + weather.slowMs * world.random("network")();
    const sent = copyOf(args);
    this.messages++;
    this.onCall(name, from.process);
    return new Promise((resolve, reject) => {
      const lost = (ms: number): void => world.arrive(from, ms, () => reject(new Error("Network connection lost.")));
      const reply = (value: unknown): void => {
        if (weather.objects === "unreachable" || chance(weather.loss)) return lost(200);
        const told = copyOf(value);
        world.arrive(from, way(), () => {
          this.onReply({ object: name, method, reply: told });
          resolve(told);
        });
      };
      const fail = (error: unknown): void => world.arrive(from, way(), () => reject(error));
      const deliver = (): void => {
        if (weather.objects === "overloaded") return fail(new Error("Durable Object is overloaded."));
        this.onMessage(name, from.process);
        this.#deliver(name, method, sent, reply, fail);
      };
      // A network that drops packets says nothing for a long time; a broken one says so at once.
      const [edge = ""] = from.process.name.split(".");
      if (weather.objects === "unreachable" || weather.cutOff === edge) return lost(chance(0.5) ? 5 : 60_000);
      if (chance(weather.loss)) return lost(chance(0.5) ? 200 : 60_000);
      world.time.after(way(), deliver);
      if (chance(weather.duplicates))
        world.time.after(way() + 50, () =>
          this.#deliver(
            name,
            method,
            copyOf(args),
            () => {},
            () => {},
          ),
        );
    });
  }

  #deliver(
    name: string,
    method: string,
    args: readonly unknown[],
    reply: (value: unknown) => void,
    fail: (error: unknown) => void,
  ): void {
    const kept = this.#keptOf(name);
    if (kept.zombie && kept.zombie.until <= this.#world.now) kept.zombie = undefined;
    const zombie = kept.zombie && this.#world.random("zombies")() < 0.5 ? kept.zombie.instance : undefined;
    this.#handle(zombie ?? this.#instanceOf(name, kept), method, args, reply, fail);
  }

  #handle(
    { process, object }: Instance,
    method: string,
    args: readonly unknown[],
    reply: (value: unknown) => void,
    fail: (error: unknown) => void,
  ): void {
    const task = { process, alive: true };
    this.#world.run(task, () => {
      // As a promise even if the method is none, and even if it throws at once.
      void (async () => (object as Readonly<Record<string, Method>>)[method]!(...args))().then(reply, fail);
    });
  }

  #keptOf(name: string): Kept {
    const known = this.#all.get(name);
    if (known) return known;
    const made: Kept = { disk: emptyDisk(), current: undefined, zombie: undefined, born: 0 };
    this.#all.set(name, made);
    return made;
  }

  #instanceOf(name: string, kept: Kept): Instance {
    const { now } = this.#world;
    if (kept.current && now - kept.current.usedAt > IDLE_MS) this.reset(name);
    kept.current ??= this.#born(name, kept);
    kept.current.usedAt = now;
    return kept.current;
  }

  #born(name: string, kept: Kept): Instance {
    const world = this.#world;
    const [binding = ""] = name.split("/");
    const Class = this.#classes[binding];
    if (!Class) throw new Error(`there is no object ${binding}`);
    const number = ++kept.born;
    const process = world.spawn(`${name}#${number}`, "objects", this.#unsteadiness);
    // Also when the instance that came after it has died since.
    const check = (): void => {
      if (kept.born !== number) throw new Error("This instance has been superseded.");
    };
    const storage = storageOn(kept.disk, check, (at) => this.#alarm(name, kept, at));
    const instance: Instance = {
      process,
      usedAt: world.now,
      object: undefined as unknown as object,
    };
    world.run({ process, alive: true }, () => {
      Object.assign(instance, { object: new Class({ storage } as never, {} as never) });
    });
    return instance;
  }

  #alarm(name: string, kept: Kept, at: number): void {
    const { now, wall } = this.#world;
    this.#world.time.at(now + Math.max(0, at - wall), () => {
      if (kept.disk.alarm !== at) return;
      kept.disk.alarm = undefined;
      // One that fails is tried again, as the platform does.
      const again = (): void => {
        kept.disk.alarm ??= at;
        this.#alarm(name, kept, this.#world.wall + 2000);
      };
      this.#handle(this.#instanceOf(name, kept), "alarm", [], () => {}, again);
    });
  }
}
