import { DurableObject } from "cloudflare:workers";
import { begin, type Begin, type BeginReply, type Row, settle, type Settled } from "../mesh/policies/idempotency.ts";

export type BeginRequest = Begin & {
  /** The digest of the key, its caller and its route, in hex. */
  readonly id: string;
  /** The configuration epoch that the isolate runs. */
  readonly epoch: number;
};

export type SettleRequest = {
  readonly id: string;
  readonly owner: string;
  readonly settled: Settled;
  readonly body?: Uint8Array;
  readonly retentionMs: number;
};

/** `body` comes with a `done` whose response was kept. `epoch` is the newest that this instance has heard of. */
export type BegunReply = BeginReply & { readonly body?: Uint8Array; readonly epoch: number };

/** A row of SQLite holds 2 MB here. */
const PART_BYTES = 1024 * 1024;
/** An alarm's run stays short, so that calls need not wait for it. */
const MOST_ROWS = 1000;

type Columns = { readonly row: string };

/**
 * The keys of one shard of an IdempotencyPolicy. Every row is stored before its reply leaves, and read when it is needed: nothing
 * about a key lives in memory, so that eviction, a restart or a second instance changes no answer.
 */
export class IdempotencyObject extends DurableObject {
  readonly #sql = this.ctx.storage.sql;
  #epoch = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, expires INTEGER NOT NULL, row TEXT NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS keys_by_expiry ON keys (expires);
      CREATE TABLE IF NOT EXISTS bodies (
        id TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (id, part)
      ) WITHOUT ROWID;
    `);
  }

  /** Leave to execute the request, or what is known of it. */
  async begin({ id, epoch, ...event }: BeginRequest): Promise<BegunReply> {
    this.#epoch = Math.max(this.#epoch, epoch);
    const before = this.#row(id);
    const { row, reply } = begin(before, event, Date.now());
    if (row !== before) this.#put(id, row);
    // One alarm is set from the first key to the last: keys of one policy expire in the order in which they came.
    if (reply.kind === "run" && (await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(row.expires);
    const kept = reply.kind === "done" && reply.stored.headers !== undefined;
    return { ...reply, epoch: this.#epoch, ...(kept && { body: this.#body(id) }) };
  }

  /** Ends an execution. One that is not its key's any more changes nothing. */
  async settle({ id, owner, settled, body, retentionMs }: SettleRequest): Promise<void> {
    const before = this.#row(id);
    const row = settle(before, owner, settled, retentionMs, Date.now());
    if (row === before) return;
    this.ctx.storage.transactionSync(() => {
      if (row) this.#put(id, row, body);
      else this.#forget(id);
    });
  }

  /** Deletes what has expired, some at a time. Running twice does no harm. */
  override async alarm(): Promise<void> {
    const expired = this.#sql.exec<{ id: string; parts: number }>(
      `SELECT id, (SELECT COUNT(*) FROM bodies WHERE bodies.id = keys.id) AS parts
       FROM keys WHERE expires <= ? ORDER BY expires LIMIT ?`,
      Date.now(),
      MOST_ROWS,
    );
    let rows = 0;
    for (const { id, parts } of expired.toArray()) {
      if (rows > 0 && rows + parts + 1 > MOST_ROWS) break;
      rows += parts + 1;
      this.#forget(id);
    }
    const { next } = this.#sql.exec<{ next: number | null }>("SELECT MIN(expires) AS next FROM keys").one();
    if (next !== null) await this.ctx.storage.setAlarm(Math.max(next, Date.now()));
  }

  #row(id: string): Row | undefined {
    const [found] = this.#sql.exec<Columns>("SELECT row FROM keys WHERE id = ?", id);
    return found && (JSON.parse(found.row) as Row);
  }

  #put(id: string, row: Row, body?: Uint8Array): void {
    this.#forget(id);
    this.#sql.exec("INSERT INTO keys (id, expires, row) VALUES (?, ?, ?)", id, row.expires, JSON.stringify(row));
    for (let at = 0; body && at < body.length; at += PART_BYTES)
      this.#sql.exec(
        "INSERT INTO bodies (id, part, bytes) VALUES (?, ?, ?)",
        id,
        at / PART_BYTES,
        body.slice(at, at + PART_BYTES),
      );
  }

  #forget(id: string): void {
    this.#sql.exec("DELETE FROM bodies WHERE id = ?", id);
    this.#sql.exec("DELETE FROM keys WHERE id = ?", id);
  }

  #body(id: string): Uint8Array {
    const parts = this.#sql
      .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM bodies WHERE id = ? ORDER BY part", id)
      .toArray()
      .map(({ bytes }) => new Uint8Array(bytes));
    const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
