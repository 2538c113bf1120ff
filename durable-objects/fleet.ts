import { DurableObject } from "cloudflare:workers";
import type { EdgeReport, EdgeStatus, Hold, Pointer } from "../mesh/api.ts";
import { SILENT_AFTER_MS } from "../mesh/fleet.ts";
import { newest, NOWHERE } from "../mesh/pointer.ts";

/**
 * Who the edges are and what they run, and the quickest way for them to learn of a new epoch: every check-in answers
 * the newest pointer. One instance, named "fleet". It may lag behind the Config object, never lead it.
 */
export class FleetObject extends DurableObject {
  readonly #sql = this.ctx.storage.sql;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS edges (id TEXT PRIMARY KEY, seen INTEGER NOT NULL, report TEXT NOT NULL) WITHOUT ROWID",
    );
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS holds (circuit TEXT PRIMARY KEY, "to" TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID`,
    );
  }

  /**
   * Notes an edge's report and answers the newest pointer, epoch 0 while nothing was announced, and the circuits that an
   * operator holds, if there are any. One row written.
   */
  checkIn(report: EdgeReport): Pointer & { readonly holds?: readonly Hold[] } {
    const now = Date.now();
    const known = this.#sql.exec("SELECT 1 FROM edges WHERE id = ?", report.id).toArray().length > 0;
    // Sweeping reads every row, so it waits for a newcomer: the table only grows by newcomers.
    if (!known) this.#sweep(now);
    this.#sql.exec(
      "INSERT INTO edges (id, seen, report) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, report = excluded.report",
      report.id,
      now,
      JSON.stringify(report),
    );
    const holds = this.holds();
    return holds.length > 0 ? { ...this.#pointer(), holds } : this.#pointer();
  }

  /** Holds a circuit open or closed for `forMs`, in place of what was said of it before; 0 lets it go. */
  hold({ circuit, to, forMs }: Hold): void {
    this.#sql.exec(
      `INSERT INTO holds (circuit, "to", until) VALUES (?, ?, ?)
       ON CONFLICT (circuit) DO UPDATE SET "to" = excluded."to", until = excluded.until`,
      circuit,
      to,
      Date.now() + forMs,
    );
  }

  /** The circuits that are held now, by name. */
  holds(): readonly Hold[] {
    const now = Date.now();
    return this.#sql
      .exec<{ circuit: string; to: Hold["to"]; until: number }>(
        "SELECT * FROM holds WHERE until > ? ORDER BY circuit",
        now,
      )
      .toArray()
      .map(({ circuit, to, until }) => ({ circuit, to, forMs: until - now }));
  }

  /** Control tells of a published epoch. One that is not newer changes nothing. */
  announce(pointer: Pointer): void {
    const known = this.#pointer();
    if (newest(known, pointer) !== known) this.ctx.storage.kv.put<Pointer>("pointer", pointer);
  }

  /** The newest epoch that was announced, or that an edge reported within `SILENT_AFTER_MS`; 0 for none. */
  newestEpoch(): number {
    return Math.max(this.#pointer().epoch, ...this.edges().map(({ epoch }) => epoch));
  }

  /** The edges that reported in within `SILENT_AFTER_MS`, by name, then id. */
  edges(): readonly EdgeStatus[] {
    const now = Date.now();
    this.#sweep(now);
    return this.#sql
      .exec<{ seen: number; report: string }>("SELECT seen, report FROM edges ORDER BY report ->> 'name', id")
      .toArray()
      .map(({ seen, report }) => ({ ...(JSON.parse(report) as EdgeReport), ageMs: now - seen }));
  }

  #pointer(): Pointer {
    return this.ctx.storage.kv.get<Pointer>("pointer") ?? NOWHERE;
  }

  #sweep(now: number): void {
    this.#sql.exec("DELETE FROM edges WHERE seen < ?", now - SILENT_AFTER_MS);
    this.#sql.exec("DELETE FROM holds WHERE until <= ?", now);
  }
}
