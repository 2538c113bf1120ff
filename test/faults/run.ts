/** Scenarios over one fleet under traffic, each followed by a calm in which all has to be well again, and judged by the invariants. */
import { setTimeout as pause } from "node:timers/promises";
import type { HistoryResponse } from "../../mesh/api.ts";
import { EDGES, type EdgeName, type Fleet } from "./fleet.ts";
import { type Account, INVARIANTS } from "./invariants.ts";
import type { Scenario, Stage } from "./scenarios.ts";
import { type Service, Traffic } from "./traffic.ts";

export type Verdict = {
  readonly name: string;
  readonly requests: number;
  /** How long after the fault ended every service answered well through every edge; milliseconds. */
  readonly wellAfterMs: number;
  readonly violations: readonly string[];
};

/** What leases, circuits and looks need, and a process that begins on a busy machine. */
const WELL_WITHIN_MS = 15_000;
const APPLY_EVERY_MS = 2000;
const CALM_MS = 1000;
/** What was judged is judged again beside what comes after it, as far back as one thing can follow from another. */
const REMEMBERED_MS = 30_000;

export class Run {
  readonly #fleet: Fleet;
  readonly #traffic: Traffic;
  readonly #random: () => number;
  readonly #marks = new Map<number, string>();
  readonly #outages: { edge: EdgeName; from: number; to: number }[] = [];
  readonly #illnesses: { service: Service; from: number; to: number }[] = [];
  readonly #floods: { from: number; to: number }[] = [];
  #applied = 0;
  #over = false;
  #applying: Promise<void> = Promise.resolve();

  private constructor(fleet: Fleet, traffic: Traffic, random: () => number) {
    this.#fleet = fleet;
    this.#traffic = traffic;
    this.#random = random;
  }

  static async on(fleet: Fleet, random: () => number): Promise<Run> {
    const run = new Run(fleet, await Traffic.with(fleet), random);
    await run.#apply();
    await run.#wellAgain(Date.now());
    run.#traffic.begin();
    run.#applying = run.#keepApplying();
    return run;
  }

  /** One scenario, and what is wrong after it. */
  async judge({ name, run }: Scenario): Promise<Verdict> {
    const from = this.#traffic.sent;
    const stage: Stage = {
      fleet: this.#fleet,
      traffic: this.#traffic,
      random: this.#random,
      outage: (edge, during) => this.#noting(this.#outages, { edge }, during),
      illness: (service, during) => this.#noting(this.#illnesses, { service }, during),
      flood: (during) => this.#noting(this.#floods, {}, during),
    };
    await run(stage);
    const { wellAfterMs, wrong } = await this.#wellAgain(Date.now());
    await pause(CALM_MS);
    const requests = this.#traffic.sent - from;
    const violations = [...wrong, ...(await this.#violations())];
    this.#traffic.forget(Date.now() - REMEMBERED_MS);
    return { name, requests, wellAfterMs, violations };
  }

  /** Ends the traffic, and judges what was under way. */
  async end(): Promise<readonly string[]> {
    this.#over = true;
    await this.#applying;
    await this.#traffic.end();
    const violations = await this.#violations();
    await this.#traffic.close();
    return violations;
  }

  async #noting<T extends object>(
    list: (T & { from: number; to: number })[],
    what: T,
    during: () => Promise<void>,
  ): Promise<void> {
    const noted = { ...what, from: Date.now(), to: Infinity };
    list.push(noted);
    await during();
    // What was under way at its end may still feel it.
    noted.to = Date.now() + 1000;
  }

  async #apply(): Promise<void> {
    const mark = `m${++this.#applied}`;
    const files = [{ name: "mesh.yaml", text: this.#traffic.configuration(mark) }];
    const { status, json } = await this.#fleet.control.call("POST", "/v1/apply", { files, message: mark });
    if (status === 200) this.#marks.set((json as { readonly epoch: number }).epoch, mark);
  }

  async #keepApplying(): Promise<void> {
    while (!this.#over) {
      await pause(APPLY_EVERY_MS);
      // Control or its objects may be gone: that nothing is applied then is what is expected.
      await Promise.race([this.#apply().catch(() => {}), pause(5000)]);
    }
  }

  /** Until every service answers well through every edge, and a change arrives. */
  async #wellAgain(since: number): Promise<{ wellAfterMs: number; wrong: readonly string[] }> {
    const missing: string[] = [];
    for (const edge of EDGES)
      for (const service of ["plain", "shaky", "pay", "once", "limited"] as const) {
        for (;;) {
          const { status, cause } = await this.#traffic.ask(service, { edge });
          // That others have used a limit up is well.
          if (status === 200 || (service === "limited" && status === 429)) break;
          if (Date.now() - since > WELL_WITHIN_MS) {
            missing.push(`${service} through ${edge} still has ${status} ${cause ?? ""}`);
            break;
          }
          await pause(100);
        }
      }
    return { wellAfterMs: Date.now() - since, wrong: missing };
  }

  async #violations(): Promise<readonly string[]> {
    await this.#readHistory();
    const { asked, arrived } = this.#traffic;
    const account: Account = {
      // Of those that are under way, nothing can be said yet.
      asked: this.#over ? asked : asked.filter(({ ended }) => ended !== undefined),
      arrived,
      marks: this.#marks,
      outages: this.#outages,
      illnesses: this.#illnesses,
      floods: this.#floods,
    };
    const known = this.#over ? account : { ...account, arrived: ofAsked(account) };
    return INVARIANTS.flatMap(({ name, broken }) =>
      broken(known)
        .slice(0, 3)
        .map((what) => `${name}: ${what}`),
    );
  }

  /** An apply whose answer was cut off may have been committed. */
  async #readHistory(): Promise<void> {
    const { status, json } = await this.#fleet.control.call("GET", "/v1/history?limit=100");
    if (status !== 200) throw new Error(`control answered ${status} when nothing was wrong any more`);
    for (const { epoch, message } of (json as HistoryResponse).items) this.#marks.set(epoch, message);
  }
}

/** The arrivals whose requests have ended. */
function ofAsked({ asked, arrived }: Account): Account["arrived"] {
  const known = new Set(asked.map(({ id }) => id));
  return arrived.filter(({ id }) => known.has(id));
}
