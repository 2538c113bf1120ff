/** The table of the audit log, in the Config object's database: what is written with a change is written in the change's own transaction. */
import type { AuditEntry } from "../mesh/api.ts";

/** Before its number, its outcome and what became of it are known. `at` in milliseconds since 1970. */
export type Attempt = Pick<AuditEntry, "at" | "who" | "role" | "action">;
export type Result = Pick<AuditEntry, "outcome" | "status" | "epoch" | "detail">;
/** Attempts of one caller at one thing, counted. */
export type DeniedAttempt = Attempt & { readonly count: number };

/** With its detail as JSON. */
export type StoredEntry = Omit<AuditEntry, "detail"> & { readonly detail: string };

export type AuditQuery = {
  readonly limit: number;
  /** Only entries before this one. */
  readonly before?: number;
  readonly who?: string;
  readonly action?: string;
  /** Milliseconds since 1970. */
  readonly since?: number;
};

/** What was let in and what was not are bounded apart: nobody without a token can push out what was done. */
const MOST = 50_000;
const MOST_DENIED = 5000;
const TOGETHER_MS = 3_600_000;
/** Sweeping looks at every row of its kind. */
const SWEEP_EVERY = 100;

export class AuditLog {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
      CREATE TABLE IF NOT EXISTS audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
        outcome TEXT NOT NULL, status INTEGER, epoch INTEGER, count INTEGER NOT NULL, detail TEXT NOT NULL
      );
      CREATE INDEX IF NOT EXISTS audit_by_outcome ON audit (outcome = 'denied', id);
    `);
  }

  /** The number of an entry that says `begun` until it is ended: of a change that control did not live to tell, the log has that much. */
  begin(attempt: Attempt): number {
    return this.#insert(attempt, { outcome: "begun", status: null, epoch: null, detail: {} }, 1);
  }

  end(id: number, { outcome, status, epoch, detail }: Result): void {
    this.#sql.exec(
      "UPDATE audit SET outcome = ?, status = ?, epoch = ?, detail = ? WHERE id = ?",
      outcome,
      status,
      epoch,
      JSON.stringify(detail),
      id,
    );
  }

  add(attempt: Attempt, result: Result): void {
    this.#insert(attempt, result, 1);
  }

  /** Within an hour, one entry a caller and thing: however long somebody guesses, the log stays readable. */
  denied(attempts: readonly DeniedAttempt[]): void {
    for (const { count, ...attempt } of attempts) {
      const { rowsWritten } = this.#sql.exec(
        "UPDATE audit SET count = count + ? WHERE outcome = 'denied' AND who = ? AND action = ? AND at > ?",
        count,
        attempt.who,
        attempt.action,
        attempt.at - TOGETHER_MS,
      );
      if (rowsWritten === 0) this.#insert(attempt, { outcome: "denied", status: null, epoch: null, detail: {} }, count);
    }
  }

  /** Newest first. */
  read({ limit, before = Number.MAX_SAFE_INTEGER, who, action, since = 0 }: AuditQuery): readonly StoredEntry[] {
    return this.#sql
      .exec<StoredEntry>(
        `SELECT id, at, who, role, action, outcome, status, epoch, count, detail FROM audit
         WHERE id < ? AND at >= ? AND (?3 IS NULL OR who = ?3 OR who LIKE ?3 || ' (%') AND (?4 IS NULL OR action = ?4)
         ORDER BY id DESC LIMIT ?5`,
        before,
        since,
        who ?? null,
        action ?? null,
        limit,
      )
      .toArray();
  }

  #insert({ at, who, role, action }: Attempt, { outcome, status, epoch, detail }: Result, count: number): number {
    const { id } = this.#sql
      .exec<{ id: number }>(
        `INSERT INTO audit (at, who, role, action, outcome, status, epoch, count, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
        at,
        who,
        role,
        action,
        outcome,
        status,
        epoch,
        count,
        JSON.stringify(detail),
      )
      .one();
    if (id % SWEEP_EVERY === 0) this.#sweep();
    return id;
  }

  #sweep(): void {
    for (const [isDenied, most] of [
      [0, MOST],
      [1, MOST_DENIED],
    ] as const)
      this.#sql.exec(
        `DELETE FROM audit WHERE (outcome = 'denied') = ?1 AND id <=
         (SELECT id FROM audit WHERE (outcome = 'denied') = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`,
        isDenied,
        most,
      );
  }
}
