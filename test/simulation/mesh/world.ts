/**
 * Virtual time, and who lives in it. Production code runs here as it is: its promises are real, its clock, timers, chance and
 * network are the world's. A world is a function of its seed: nothing in it waits for anything outside.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Event, seeded, Timeline } from "../events.ts";

/** An isolate, or an instance of an object: what has a memory, a clock, and can be killed. */
export type Process = {
  readonly name: string;
  /** The data centre: copies of KV and of the Cache API are one to a place. */
  readonly place: string;
  readonly random: () => number;
  /** Its clock runs so much faster than time, and ahead of it by `aheadMs`. */
  readonly drift: number;
  readonly aheadMs: number;
  /** What its clock shows: a process's clock stands still between its inputs. Milliseconds since 1970. */
  wall: number;
  /** Stopped until then; what comes meanwhile waits. */
  frozenUntil: number;
  alive: boolean;
};

/** One request in a process, or one message to an object. Once it is over or cut off, nothing reaches it any more. */
export type Task = { readonly process: Process; alive: boolean };

/** 2026-01-01, for what production code takes for the time. */
const BEGINNING = 1_767_225_600_000;

export class World {
  readonly time = new Timeline();
  readonly seed: number;
  /** One for all worlds: each that there ever was would be in every frame. */
  static readonly #tasks = new AsyncLocalStorage<Task>();
  readonly #streams = new Map<string, () => number>();
  readonly #timers = new Map<number, Event>();
  #made = 0;
  readonly #violations: string[] = [];
  /** What happened, in order: the same for one seed, byte for byte. */
  readonly log: string[] = [];

  constructor(seed: number) {
    this.seed = seed;
  }

  get now(): number {
    return this.time.now;
  }

  /** Whose code is running; undefined outside of every process. */
  get task(): Task | undefined {
    return World.#tasks.getStore();
  }

  /** Numbers from 0 to 1 of a stream's own: what one stream takes changes nothing for the others. */
  random(stream: string): () => number {
    const known = this.#streams.get(stream);
    if (known) return known;
    let mixed = this.seed;
    for (const character of stream) mixed = Math.imul(mixed ^ character.codePointAt(0)!, 0x01000193) >>> 0;
    const made = seeded(mixed);
    this.#streams.set(stream, made);
    return made;
  }

  between(stream: string, least: number, most: number): number {
    return least + this.random(stream)() * (most - least);
  }

  /** `unsteadiness` 0 is a clock that is right; 1 is one that may run wrong by 1 % and be off by two seconds. */
  spawn(name: string, place: string, unsteadiness: number): Process {
    const random = this.random(`process ${name}`);
    const drift = (random() - 0.5) * 0.02 * unsteadiness;
    const aheadMs = (random() - 0.5) * 4000 * unsteadiness;
    const process = { name, place, random, drift, aheadMs, wall: 0, frozenUntil: 0, alive: true };
    process.wall = this.#clock(process);
    return process;
  }

  /** Runs code of a process, whose clock moves with it: this is an input. */
  run(task: Task, code: () => void): void {
    const { process } = task;
    if (!task.alive || !process.alive) return;
    if (process.frozenUntil > this.now) {
      this.time.at(process.frozenUntil, () => this.run(task, code));
      return;
    }
    process.wall = this.#clock(process);
    World.#tasks.run(task, code);
  }

  /** Something comes to a task from outside: after `ms` of time, and only while it lives. */
  arrive(task: Task, ms: number, code: () => void): void {
    this.time.after(ms, () => this.run(task, code));
  }

  /** A timer of whoever runs: by its own clock. Its number is what `cancel` takes. */
  timer(ms: number, code: () => void): number {
    const { task } = this;
    const id = ++this.#made;
    const fired = (): void => {
      if (this.#timers.delete(id)) code();
    };
    const fire = task ? (): void => this.run(task, fired) : fired;
    this.#timers.set(id, this.time.after(ms / (1 + (task?.process.drift ?? 0)), fire));
    return id;
  }

  cancel(id: number): void {
    const event = this.#timers.get(id);
    if (!event) return;
    this.#timers.delete(id);
    event.run = undefined;
  }

  /** Lets time pass; between two events everything that can go on does so. */
  async until(end: number, after: () => void): Promise<void> {
    await settled();
    while (this.time.step(end)) {
      await settled();
      after();
    }
  }

  say(line: string): void {
    this.log.push(`${this.now.toFixed(1).padStart(9)} ${line}`);
  }

  violated(invariant: string, what: string): void {
    this.say(`VIOLATED ${invariant}: ${what}`);
    this.#violations.push(`${invariant}: ${what}`);
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  /** What a clock that is right shows. Milliseconds since 1970. */
  get wall(): number {
    return BEGINNING + this.now;
  }

  #clock({ drift, aheadMs }: Process): number {
    return Math.floor(BEGINNING + aheadMs + this.now * (1 + drift));
  }
}

/**
 * Every promise that can go on has gone on: a tick that is asked for amid microtasks comes when none is left. An immediate would
 * too, and cost a round of the event loop, which is as much as a whole event here.
 */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
