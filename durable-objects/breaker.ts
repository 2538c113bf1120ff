import { DurableObject } from "cloudflare:workers";
import type { Outcome } from "../mesh/outcome.ts";
import {
  type Breaker,
  type BreakerPolicy,
  describe,
  type FleetState,
  probe,
  settle,
} from "../mesh/policies/breaker.ts";
import {
  callersOf,
  type FleetCircuit,
  hear,
  NOTHING_HEARD,
  onceMs,
  type Word,
} from "../mesh/policies/fleet-circuit.ts";

/** `seq` is the number of the message; one that arrives twice counts once. */
export type BreakerReport = Omit<Word, "source"> & {
  /** Who reports. */
  readonly isolate: string;
  /** The configuration epoch that the isolate runs. */
  readonly epoch: number;
  readonly policy: BreakerPolicy;
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
export type BreakerReply = FleetState & {
  readonly epoch: number;
  /** For so long no call is to be retried; absent while calls may be. */
  readonly onceMs?: number;
};
export type ProbeReply = BreakerReply & { readonly granted: boolean };
export type ShowReply = BreakerReply & { readonly callers: ReturnType<typeof callersOf> };

/** A row of an older release has neither `callers` nor `holdUntil`. */
type Row = { readonly state: Breaker; readonly version: number; readonly epoch: number } & Partial<
  Omit<FleetCircuit, "breaker">
>;

const KEY = "circuit";
/** A permit is kept for longer than its call lasts: an isolate begins late to count, and its clock may run slower. */
const GRACE_MS = 1000;
/** Who calls is written no more often: a restart forgets whom it had first heard of since. */
const WRITE_CALLERS_MS = 10_000;

/**
 * One circuit, shared by every isolate that calls the backend. What it stores is every change of kind, every permit, and now and
 * then who calls; evidence towards the next change lives in memory alone: it is worth a window at most, and losing it only opens later.
 */
export class BreakerObject extends DurableObject {
  #circuit: FleetCircuit = NOTHING_HEARD;
  #version = 0;
  #epoch = 0;
  #writtenAt = 0;

  /** Read back on start: an idle object is evicted, and its memory with it. */
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const row = ctx.storage.kv.get<Row>(KEY);
    if (!row) return;
    const { state, version, epoch, callers = {}, holdUntil = 0 } = row;
    this.#circuit = { breaker: state, callers, holdUntil };
    this.#version = version;
    this.#epoch = epoch;
  }

  /** Takes evidence and permits that come back; answers with the circuit as it then stands. */
  async report({ isolate, epoch, policy, settled, ...word }: BreakerReport): Promise<BreakerReply> {
    const now = this.#begin();
    const { breaker } = this.#circuit;
    const back = settled ? settle(breaker, settled.permit, settled.outcome, policy, now) : breaker;
    this.#keep(hear({ ...this.#circuit, breaker: back }, { ...word, source: isolate }, policy, now), epoch, now);
    return this.#reply(policy, now);
  }

  /** Asks to send one probe. Not granted while the circuit is open or others are probing, nor when it is closed. */
  async probe({ permit, ttlMs, epoch, policy }: ProbeRequest): Promise<ProbeReply> {
    const now = this.#begin();
    const { state, granted } = probe(this.#circuit.breaker, permit, ttlMs + GRACE_MS, policy, now);
    this.#keep({ ...this.#circuit, breaker: state }, epoch, now);
    return { ...this.#reply(policy, now), granted };
  }

  /** The circuit as it stands, under the policy that its edges have, and who calls. Changes nothing. */
  async show(policy: BreakerPolicy): Promise<ShowReply> {
    const now = this.#begin();
    return { ...this.#reply(policy, now), callers: callersOf(this.#circuit, now) };
  }

  /** The read is for its side effect: only on touching storage is an instance stopped that another has taken over from. */
  #begin(): number {
    this.ctx.storage.kv.get(KEY);
    return Date.now();
  }

  #keep(circuit: FleetCircuit, epoch: number, now: number): void {
    const { breaker: before } = this.#circuit;
    const { breaker: state, callers, holdUntil } = circuit;
    const turned = state.kind !== before.kind || (state.kind === "open" && state !== before);
    const onlyEvidence = state.kind === "closed" && !turned && state.out === before.out;
    const isNews = epoch > this.#epoch || (state !== before && !onlyEvidence);
    const isDue = circuit !== this.#circuit && now >= this.#writtenAt + WRITE_CALLERS_MS;
    this.#circuit = circuit;
    // From the clock, so that it grows even if this object's storage was begun anew.
    if (turned) this.#version = Math.max(this.#version + 1, now);
    this.#epoch = Math.max(this.#epoch, epoch);
    if (!isNews && !isDue) return;
    this.#writtenAt = now;
    const row: Row = { state, version: this.#version, epoch: this.#epoch, callers, holdUntil };
    this.ctx.storage.kv.put(KEY, row);
  }

  #reply(policy: BreakerPolicy, now: number): BreakerReply {
    const ms = onceMs(this.#circuit, policy, now);
    const state = describe(this.#circuit.breaker, this.#version, policy, now);
    return { ...state, epoch: this.#epoch, ...(ms > 0 && { onceMs: ms }) };
  }
}
