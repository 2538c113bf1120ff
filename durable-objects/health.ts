import { DurableObject } from "cloudflare:workers";
import {
  ask,
  due,
  dueAt,
  failing,
  type Health,
  type HealthCheck,
  isWanted,
  isWorthKeeping,
  judge,
  passes,
} from "../mesh/policies/health-check.ts";

export type HealthRequest = {
  /** The configuration epoch that the isolate runs, and check and endpoints as that epoch has them. */
  readonly epoch: number;
  readonly check: HealthCheck;
  /** URLs without the check's path. */
  readonly addresses: readonly string[];
};

/** Which endpoints fail their checks, and the newest configuration epoch that any isolate has named. */
export type HealthReply = { readonly failing: readonly string[]; readonly epoch: number };

const KEY = "health";
/** An invocation has six connections, and on the smallest plan fifty fetches. */
const AT_ONCE = 6;
const IN_ONE_ALARM = 48;

/**
 * Checks the endpoints of one backend by its alarm, for as long as edges ask what it found. Every round is stored: between
 * two of them the object may well be evicted. When nobody asks any more it forgets everything.
 */
export class HealthObject extends DurableObject {
  // Read back on start: an idle object is evicted, and its memory with it.
  #health: Health | undefined = this.ctx.storage.kv.get<Health>(KEY);

  /** Renews the lease and answers what is known. What was never checked is checked soon, and does not fail until then. */
  async ask(request: HealthRequest): Promise<HealthReply> {
    // For its side effect: only on touching storage is an instance stopped that another has taken over from.
    this.ctx.storage.kv.get(KEY);
    const now = Date.now();
    const before = this.#health;
    this.#health = ask(before, request, now);
    if (isWorthKeeping(before, this.#health)) {
      this.ctx.storage.kv.put(KEY, this.#health);
      await this.#wake(now);
    }
    return { failing: failing(this.#health, now), epoch: this.#health.epoch };
  }

  /** One round. Running it twice only checks again what was due. */
  override async alarm(): Promise<void> {
    const began = Date.now();
    const health = this.#health;
    if (!health || !isWanted(health, began)) {
      this.#health = undefined;
      return this.ctx.storage.deleteAll();
    }
    const addresses = due(health, began).slice(0, IN_ONE_ALARM).values();
    const worker = async () => {
      // One iterator for all: each takes the next address.
      for (const address of addresses) {
        const passed = await isWell(address, health.check);
        // An edge may have brought another configuration meanwhile.
        if (this.#health) this.#health = judge(this.#health, address, passed, Date.now(), Math.random());
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (!this.#health) return;
    this.ctx.storage.kv.put(KEY, this.#health);
    await this.#wake(Date.now());
  }

  async #wake(now: number): Promise<void> {
    const at = this.#health ? dueAt(this.#health) : Infinity;
    if (at < Infinity) await this.ctx.storage.setAlarm(Math.max(now, at));
  }
}

/** One request, no redirect followed: where it leads to is nothing that the configuration names. */
async function isWell(address: string, check: HealthCheck): Promise<boolean> {
  try {
    const response = await fetch(address + check.path, {
      redirect: "manual",
      headers: { "user-agent": "selvedge-health-check", "cache-control": "no-cache" },
      signal: AbortSignal.timeout(check.timeoutMs),
    });
    await response.body?.cancel();
    return passes(check, response.status);
  } catch {
    return false;
  }
}
