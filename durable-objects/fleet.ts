import { DurableObject } from "cloudflare:workers";
import type { CheckInReply, EdgeReport, EdgeStatus, Hold, Reset, SignedPointer } from "../mesh/api.ts";
import { IDLE_AFTER_MS, SILENT_AFTER_MS } from "../mesh/fleet.ts";
import type { BucketUse } from "../mesh/limits.ts";
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
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS uses (edge TEXT PRIMARY KEY, seen INTEGER NOT NULL, uses TEXT NOT NULL) WITHOUT ROWID",
    );
    this.#sql.exec("CREATE TABLE IF NOT EXISTS resets (at INTEGER PRIMARY KEY, name TEXT NOT NULL)");
  }

  /**
   * Notes an edge's report and answers the newest pointer, epoch 0 while nothing was announced, and what an operator holds or
   * has reset, if anything. One row written, and one more for an edge that has limits to do with.
   */
  checkIn({ limits = [], ...report }: EdgeReport): CheckInReply {
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
    if (limits.length > 0)
      this.#sql.exec(
        "INSERT INTO uses (edge, seen, uses) VALUES (?, ?, ?) ON CONFLICT (edge) DO UPDATE SET seen = excluded.seen, uses = excluded.uses",
        report.id,
        now,
        JSON.stringify(limits),
      );
    const holds = this.holds();
    const resets = this.#sql
      .exec<Reset>("SELECT at, name FROM resets WHERE at > ? ORDER BY at", now - SILENT_AFTER_MS)
      .toArray();
    return { ...this.#pointer(), ...(holds.length > 0 && { holds }), ...(resets.length > 0 && { resets }) };
  }

  /** What edges that checked in of late say of limits' buckets, added up: `most` of them, those that refuse most first. */
  uses(most: number): readonly BucketUse[] {
    return this.#sql
      .exec<{ bucket: string; wanted: number; refused: number }>(
        `SELECT value ->> 'bucket' AS bucket, SUM(value ->> 'wanted') AS wanted, SUM(value ->> 'refused') AS refused
         FROM uses, json_each(uses.uses) WHERE seen > ? GROUP BY bucket ORDER BY refused DESC, wanted DESC, bucket LIMIT ?`,
        Date.now() - IDLE_AFTER_MS,
        most,
      )
      .toArray();
  }

  /** Edges are told, for as long as they are not taken for gone, that waiting for what has this name is over. */
  reset(name: string): void {
    // Numbers grow, whatever the clock does: an edge follows each once.
    const last = this.#sql.exec<{ at: number | null }>("SELECT MAX(at) AS at FROM resets").one().at ?? 0;
    this.#sql.exec("INSERT INTO resets (at, name) VALUES (?, ?)", Math.max(Date.now(), last + 1), name);
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

  /** Control tells of a published epoch. One that is not newer changes nothing but the signature of the one that is known. */
  announce(pointer: SignedPointer): void {
    const known = this.#pointer();
    const isSame = pointer.epoch === known.epoch && pointer.hash === known.hash;
    if (isSame ? pointer.signature !== known.signature : newest(known, pointer) !== known)
      this.ctx.storage.kv.put<SignedPointer>("pointer", pointer);
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

  #pointer(): SignedPointer {
    return this.ctx.storage.kv.get<SignedPointer>("pointer") ?? NOWHERE;
  }

  #sweep(now: number): void {
    this.#sql.exec("DELETE FROM edges WHERE seen < ?", now - SILENT_AFTER_MS);
    this.#sql.exec("DELETE FROM holds WHERE until <= ?", now);
    this.#sql.exec("DELETE FROM uses WHERE seen < ?", now - SILENT_AFTER_MS);
    this.#sql.exec("DELETE FROM resets WHERE at < ?", now - SILENT_AFTER_MS);
  }
}
