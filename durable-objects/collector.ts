import { DurableObject } from "cloudflare:workers";
import {
  accept,
  type Accounts,
  accounts,
  type Collector,
  type IsolateRecord,
  newCollector,
  sweep,
} from "../mesh/telemetry/collector.ts";
import type { Exemplar } from "../mesh/telemetry/exemplar.ts";
import { type Flush, fromWire, toWire, type WireCell, type WireTally } from "../mesh/telemetry/flush.ts";
import { added, type MirrorTally, tallyKey } from "../mesh/telemetry/mirror-tally.ts";
import { keyOf, type Labels } from "../mesh/telemetry/series.ts";
import {
  cellsBetween,
  type Chunk,
  chunkKeys,
  chunkText,
  isExpired,
  isOver,
  parseChunk,
  resolutionFor,
} from "../mesh/telemetry/timeline.ts";

/** Everything since this collector began. */
export type CollectorTotals = {
  readonly series: readonly (readonly [Labels, WireTally])[];
  readonly isolates: readonly (IsolateRecord & { readonly isolate: string })[];
  readonly accounts: Accounts;
  readonly exemplars: readonly Exemplar[];
};

/** Cells as in a flush: their seconds are their slots' beginnings. */
export type CollectorRange = {
  readonly series: readonly Labels[];
  readonly cells: readonly WireCell[];
  readonly slotSeconds: number;
};

/** Rules and mirrors, each with its samples. */
const MOST_MIRRORS = 500;
/** How long flushes are kept one by one before they are stored added up. */
const STORE_AFTER_MS = 5000;
const EXPIRE_EVERY_MS = 60_000;
/** Before the keys of the timeline's chunks, among those of the other parts. */
const CHUNK = "chunk/";

/**
 * Telemetry of those isolates that report to it. A flush is written to the journal before it is acknowledged, one row each; every
 * few seconds the journal is added up, one row for each part that changed. What was acknowledged, or read, never goes back.
 */
export class CollectorObject extends DurableObject {
  readonly #sql = this.ctx.storage.sql;
  readonly #collector: Collector;
  #epoch = 0;
  #storedAt = 0;
  #expiredAt = 0;
  #dirty = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql.exec("CREATE TABLE IF NOT EXISTS parts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS journal (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, flush TEXT NOT NULL)",
    );
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS mirrors (key TEXT PRIMARY KEY, at INTEGER NOT NULL, tally TEXT NOT NULL)",
    );
    this.#collector = this.#restored();
    for (const { at, flush } of this.#sql.exec<{ at: number; flush: string }>(
      "SELECT at, flush FROM journal ORDER BY number",
    ))
      this.#accept(JSON.parse(flush) as Flush, at);
  }

  /** Adds a flush; one that arrives twice counts once. Answers the newest epoch that any isolate has named. */
  async flush(message: Flush): Promise<{ readonly epoch: number }> {
    const now = Date.now();
    this.#sql.exec("INSERT INTO journal (at, flush) VALUES (?, ?)", now, JSON.stringify(message));
    this.#accept(message, now);
    if (now - this.#storedAt >= STORE_AFTER_MS) this.#store(now);
    else if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + STORE_AFTER_MS);
    return { epoch: this.#epoch };
  }

  #accept(message: Flush, now: number): void {
    accept(this.#collector, message, (key) => this.#chunk(key), now);
    this.#epoch = Math.max(this.#epoch, message.epoch);
    this.#dirty = true;
  }

  /** Adds what came of copies since the isolate's last message. Of the rules and mirrors, those that were heard of last are kept. */
  async mirrored(tallies: readonly MirrorTally[]): Promise<void> {
    for (const tally of tallies) {
      const key = tallyKey(tally);
      const [known] = this.#mirrors("WHERE key = ?", key);
      const total = known ? added(known, tally) : tally;
      const text = JSON.stringify(total);
      this.#sql.exec("INSERT OR REPLACE INTO mirrors (key, at, tally) VALUES (?, ?, ?)", key, total.at, text);
    }
    this.#sql.exec(
      "DELETE FROM mirrors WHERE key NOT IN (SELECT key FROM mirrors ORDER BY at DESC LIMIT ?)",
      MOST_MIRRORS,
    );
  }

  async mirrors(): Promise<readonly MirrorTally[]> {
    return this.#mirrors("");
  }

  #mirrors(where: string, ...bound: readonly string[]): MirrorTally[] {
    return this.#sql
      .exec<{ tally: string }>(`SELECT tally FROM mirrors ${where}`, ...bound)
      .toArray()
      .map(({ tally }) => JSON.parse(tally) as MirrorTally);
  }

  async totals(): Promise<CollectorTotals> {
    const now = Date.now();
    return {
      series: this.#collector.series.map(({ labels, total }) => [labels, toWire(total)] as const),
      isolates: [...this.#collector.isolates].map(([isolate, record]) => ({ isolate, ...record })),
      accounts: accounts(this.#collector, now),
      exemplars: [...this.#collector.exemplars.values()],
    };
  }

  /** From `from` up to `to`, in seconds since 1970, in the finest resolution that reaches back so far. */
  async range(from: number, to: number): Promise<CollectorRange> {
    const now = Date.now();
    const resolution = resolutionFor(from, now / 1000);
    const first = from - (from % resolution.slot);
    return {
      series: this.#collector.series.map(({ labels }) => labels),
      cells: chunkKeys(resolution, first, to).flatMap((key) => {
        const chunk = this.#collector.timeline.get(key) ?? this.#chunk(key);
        return chunk ? cellsBetween(chunk, first, to) : [];
      }),
      slotSeconds: resolution.slot,
    };
  }

  override async alarm(): Promise<void> {
    this.#store(Date.now());
  }

  #store(now: number): void {
    if (!this.#dirty) return;
    const { series, isolates, timeline, exemplars, undetailed, lostMax } = this.#collector;
    sweep(this.#collector, now);
    this.ctx.storage.transactionSync(() => {
      this.#put("series", JSON.stringify(series.map(({ labels, total }) => [labels, toWire(total)])));
      this.#put("isolates", JSON.stringify([...isolates]));
      if (exemplars.size > 0) this.#put("exemplars", JSON.stringify([...exemplars]));
      this.#put("account", JSON.stringify({ undetailed, lostMax, epoch: this.#epoch }));
      for (const [key, chunk] of timeline) if (chunk.changed) this.#put(`${CHUNK}${key}`, chunkText(chunk));
      this.#sql.exec("DELETE FROM journal");
    });
    for (const [key, chunk] of timeline) {
      chunk.changed = false;
      if (isOver(key, now / 1000)) timeline.delete(key);
    }
    this.#expire(now);
    this.#storedAt = now;
    this.#dirty = false;
  }

  /** Keys alone are read, and that once in a while: a chunk of hours lives for weeks. */
  #expire(now: number): void {
    if (now - this.#expiredAt < EXPIRE_EVERY_MS) return;
    this.#expiredAt = now;
    const keys = this.#sql.exec<{ key: string }>("SELECT key FROM parts WHERE key GLOB 'chunk/*'").toArray();
    for (const { key } of keys)
      if (isExpired(key.slice(CHUNK.length), now / 1000)) this.#sql.exec("DELETE FROM parts WHERE key = ?", key);
  }

  #chunk(key: string): Chunk | undefined {
    const rows = this.#sql.exec<{ value: string }>("SELECT value FROM parts WHERE key = ?", `${CHUNK}${key}`).toArray();
    return rows[0] && parseChunk(rows[0].value);
  }

  #put(key: string, value: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO parts (key, value) VALUES (?, ?)", key, value);
  }

  #restored(): Collector {
    const collector = newCollector();
    for (const { key, value } of this.#sql.exec<{ key: string; value: string }>(
      "SELECT key, value FROM parts WHERE key NOT GLOB 'chunk/*'",
    )) {
      if (key === "series")
        for (const [labels, wire] of JSON.parse(value) as [Labels, WireTally][])
          collector.indices.set(keyOf(labels), collector.series.push({ labels, total: fromWire(wire) }) - 1);
      else if (key === "isolates")
        for (const [id, record] of JSON.parse(value) as [string, IsolateRecord][]) collector.isolates.set(id, record);
      else if (key === "exemplars")
        for (const [of, exemplar] of JSON.parse(value) as [string, Exemplar][]) collector.exemplars.set(of, exemplar);
      else if (key === "account") {
        const { epoch, ...account } = JSON.parse(value) as Pick<Collector, "undetailed" | "lostMax"> & {
          epoch: number;
        };
        Object.assign(collector, account);
        this.#epoch = epoch;
      }
    }
    return collector;
  }
}
