/** §8.9 Every answer is counted once, or declared as pending or lost: what edges answered, held against what collectors say in the end. */
import { COLLECTORS, type Accounts } from "../../../mesh/telemetry/collector.ts";
import type { Objects } from "./objects.ts";
import type { Process } from "./world.ts";

export class Accounting {
  readonly #objects: Objects;
  #finished = 0;
  /** By isolate, how many answers its collector has not heard of. */
  readonly #untold = new Map<Process, number>();
  /** Isolates whose last message has reached their collector: it knows how much they may hold. */
  readonly #heard = new Set<Process>();
  /** Of isolates that were killed before that. */
  #unknowable = 0;

  constructor(objects: Objects) {
    this.#objects = objects;
    objects.onCall = (object, from) => {
      if (object.startsWith("COLLECTOR/")) this.#heard.delete(from);
    };
    objects.onMessage = (object, from) => {
      if (!object.startsWith("COLLECTOR/")) return;
      this.#heard.add(from);
      this.#untold.set(from, 0);
    };
  }

  answered(by: Process, cause: string): void {
    // Of these the isolate keeps no count.
    if (cause === "no-snapshot" || cause === "overloaded") return;
    this.#finished++;
    this.#untold.set(by, (this.#untold.get(by) ?? 0) + 1);
  }

  killed(isolate: Process): void {
    if (!this.#heard.has(isolate)) this.#unknowable += this.#untold.get(isolate) ?? 0;
  }

  /** What is wrong, once nothing happens any more. */
  async judge(): Promise<readonly string[]> {
    let reported = 0;
    let unsure = 0;
    let undetailed = 0;
    for (const name of COLLECTORS) {
      const { accounts } = (await this.#objects.ask(`COLLECTOR/${name}`, "totals")) as { readonly accounts: Accounts };
      reported += accounts.reported;
      undetailed = Math.min(undetailed, accounts.undetailed);
      unsure += accounts.pendingMax + accounts.lostMax;
    }
    const wrong: string[] = [];
    if (reported > this.#finished || reported + unsure + this.#unknowable < this.#finished)
      wrong.push(`${this.#finished} finished, ${reported} reported and up to ${unsure} more`);
    if (undetailed < 0) wrong.push(`${-undetailed} calls are in two series`);
    return wrong;
  }
}
