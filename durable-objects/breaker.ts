import { DurableObject } from "cloudflare:workers";
import type { Outcome } from "../mesh/outcome.ts";
import {
  type Breaker,
  type BreakerPolicy,
  closed,
  describe,
  type FleetState,
  probe,
  report,
  settle,
} from "../mesh/policies/breaker.ts";

export type BreakerReport = {
  /** Who reports, and the number of its message: one that arrives twice counts once. */
  readonly isolate: string;
  readonly seq: number;
  /** The configuration epoch that the isolate runs. */
  readonly epoch: number;
  readonly policy: BreakerPolicy;
  readonly ok: number;
  readonly failed: number;
  /** Those of `ok` that were slow. */
  readonly slow?: number;
  /** How long ago the oldest of these calls began. */
  readonly ageMs: number;
  /** A permit that comes back. */
  readonly settled?: { readonly permit: string; readonly outcome: Outcome };
};

export type ProbeRequest = {
  /** Unique among all isolates; asking again with the same one gives the same permit. */
  readonly permit: string;
  /** The probe's call is over within this time of asking. */
  readonly ttlMs: number;
  readonly epoch: number;
  readonly policy: BreakerPolicy;
};

/** The fleet's circuit, and the newest configuration epoch that any isolate has named. */
export type BreakerReply = FleetState & { readonly epoch: number };
export type ProbeReply = BreakerReply & { readonly granted: boolean };

type Stored = { readonly state: Breaker; readonly version: number; readonly epoch: number };

const KEY = "circuit";
/** A permit is kept for longer than its call lasts: an isolate begins late to count, and its clock may run slower. */
const GRACE_MS = 1000;

/**
 * One circuit, shared by every isolate that calls the backend. What it stores is every change of kind and every permit;
 * evidence towards the next change lives in memory alone: it is worth a window at most, and losing it only opens later.
 */
export class BreakerObject extends DurableObject {
  // Read back on start: an idle object is evicted, and its memory with it.
  #stored: Stored = this.ctx.storage.kv.get<Stored>(KEY) ?? { state: closed(0), version: 0, epoch: 0 };

  /** Takes evidence and permits that come back; answers with the circuit as it then stands. */
  async report({
    isolate,
    seq,
    epoch,
    policy,
    ok,
    failed,
    slow = 0,
    ageMs,
    settled,
  }: BreakerReport): Promise<BreakerReply> {
    const now = this.#begin();
    const { state } = this.#stored;
    const back = settled ? settle(state, settled.permit, settled.outcome, policy, now) : state;
    const next = ok + failed > 0 ? report(back, { ok, failed, slow, ageMs, source: isolate, seq }, policy, now) : back;
    this.#keep(next, epoch, now);
    return this.#reply(policy, now);
  }

  /** Asks to send one probe. Not granted while the circuit is open or others are probing, nor when it is closed. */
  async probe({ permit, ttlMs, epoch, policy }: ProbeRequest): Promise<ProbeReply> {
    const now = this.#begin();
    const { state, granted } = probe(this.#stored.state, permit, ttlMs + GRACE_MS, policy, now);
    this.#keep(state, epoch, now);
    return { ...this.#reply(policy, now), granted };
  }

  /** The circuit as it stands, under the policy that its edges have. Changes nothing. */
  async show(policy: BreakerPolicy): Promise<BreakerReply> {
    return this.#reply(policy, this.#begin());
  }

  /** The read is for its side effect: only on touching storage is an instance stopped that another has taken over from. */
  #begin(): number {
    this.ctx.storage.kv.get(KEY);
    return Date.now();
  }

  #keep(state: Breaker, epoch: number, now: number): void {
    const before = this.#stored;
    const turned = state.kind !== before.state.kind || (state.kind === "open" && state !== before.state);
    this.#stored = {
      state,
      // From the clock, so that it grows even if this object's storage was begun anew.
      version: turned ? Math.max(before.version + 1, now) : before.version,
      epoch: Math.max(before.epoch, epoch),
    };
    const onlyEvidence = state.kind === "closed" && !turned && state.out === before.state.out;
    if (this.#stored.epoch > before.epoch || (state !== before.state && !onlyEvidence))
      this.ctx.storage.kv.put(KEY, this.#stored);
  }

  #reply(policy: BreakerPolicy, now: number): BreakerReply {
    const { state, version, epoch } = this.#stored;
    return { ...describe(state, version, policy, now), epoch };
  }
}
