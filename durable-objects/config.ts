import { hexOf } from "../mesh/hex.ts";
import { DurableObject } from "cloudflare:workers";
import type { HistoryEntry, Pointer } from "../mesh/api.ts";
import type { Role } from "../mesh/role.ts";
import { NOWHERE } from "../mesh/pointer.ts";
import {
  type Attempt,
  AuditLog,
  type AuditQuery,
  type DeniedAttempt,
  type Result,
  type StoredEntry,
} from "./audit-log.ts";

/** One epoch's resources, each as canonical JSON, by key. */
export type StoredMesh = Pointer & { readonly bodies: readonly string[] };

/** What became of keys since an epoch: each one's body as it is now, null where there is none any more. */
export type StoredChanges = Pointer & {
  readonly changes: readonly { readonly key: string; readonly body: string | null }[];
};

export type Commit = {
  /** The epoch that these changes were worked out on. */
  readonly base: number;
  /** The new epoch is later than this one as well: what edges already have from a log that was lost. Default 0. */
  readonly above?: number;
  /** SHA-256 of the snapshot that the resources compile to. */
  readonly hash: string;
  readonly author: string;
  /** For the audit log, what was asked of control, and as whom. */
  readonly action: string;
  readonly role: Role | "";
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly puts: readonly { readonly key: string; readonly body: string }[];
  readonly deletes: readonly string[];
  readonly created: number;
  readonly configured: number;
  readonly deleted: number;
};

/** An API token: `hash` is the SHA-256 of its secret in hex, times are milliseconds since 1970, and null is never. */
export type StoredToken = {
  readonly name: string;
  readonly role: Role;
  readonly hash: string;
  readonly created: number;
  readonly expires: number | null;
};

/** A session that waits for a browser to take it up: `hash` names its code, which alone unseals it. `until` is in milliseconds since 1970. */
export type SignIn = { readonly hash: string; readonly sealed: ArrayBuffer; readonly until: number };

const MAX_SIGN_INS = 1000;

/** Each isolate of control holds all of them. */
const MAX_TOKENS = 1000;

/** On refusal `epoch` is the one in force. */
export type Committed = { readonly ok: boolean; readonly epoch: number };

/**
 * The truth about what was applied: an append-only log of epochs, of which nothing is ever updated or deleted, so every past
 * epoch can be read again; the audit log; and the API tokens and sign-ins. One instance, named "config"; KV cannot hold this, having no compare-and-set.
 */
export class ConfigObject extends DurableObject {
  readonly #sql = this.ctx.storage.sql;
  readonly #audit = new AuditLog(this.#sql);

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS epochs (
        epoch INTEGER PRIMARY KEY, hash TEXT NOT NULL, author TEXT NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL,
        created INTEGER NOT NULL, configured INTEGER NOT NULL, deleted INTEGER NOT NULL
      );
      CREATE TABLE IF NOT EXISTS bodies (hash TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS changes (
        key TEXT NOT NULL, epoch INTEGER NOT NULL, body_hash TEXT, PRIMARY KEY (key, epoch)
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS changes_by_epoch ON changes (epoch);
      CREATE TABLE IF NOT EXISTS tokens (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, hash TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS sign_ins (hash TEXT PRIMARY KEY, sealed BLOB NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
    `);
  }

  /** The epoch in force; 0 with an empty hash before the first commit. */
  head(): Pointer {
    const [head] = this.#sql.exec<Pointer>("SELECT epoch, hash FROM epochs ORDER BY epoch DESC LIMIT 1");
    return head ?? NOWHERE;
  }

  /** The mesh as it was at `epoch`, by default the one in force; undefined for an epoch that never was. */
  read(epoch: number = this.head().epoch): StoredMesh | undefined {
    if (epoch === 0) return { ...NOWHERE, bodies: [] };
    const [pointer] = this.#sql.exec<Pointer>("SELECT epoch, hash FROM epochs WHERE epoch = ?", epoch);
    if (!pointer) return undefined;
    // A key's last change up to the epoch holds; the join drops deletions, which have no body.
    const rows = this.#sql.exec<{ body: string }>(
      `SELECT bodies.body FROM (SELECT key, MAX(epoch) AS epoch FROM changes WHERE epoch <= ? GROUP BY key)
       JOIN changes USING (key, epoch) JOIN bodies ON bodies.hash = changes.body_hash ORDER BY key`,
      epoch,
    );
    return { ...pointer, bodies: Array.from(rows, ({ body }) => body) };
  }

  /** From `known`, an epoch of this log, to the one in force; undefined where the log has none of that number and hash. */
  changesSince({ epoch, hash }: Pointer): StoredChanges | undefined {
    const [there] = this.#sql.exec("SELECT 1 FROM epochs WHERE epoch = ? AND hash = ?", epoch, hash);
    if (!there) return undefined;
    const changes = this.#sql.exec<StoredChanges["changes"][number]>(
      `SELECT key, body FROM (SELECT key, MAX(epoch) AS epoch FROM changes WHERE epoch > ? GROUP BY key)
       JOIN changes USING (key, epoch) LEFT JOIN bodies ON bodies.hash = changes.body_hash ORDER BY key`,
      epoch,
    );
    return { ...this.head(), changes: changes.toArray() };
  }

  /** Appends an epoch if `base` is still the one in force: of two commits on one base, exactly one lands. */
  async commit({ base, above = 0, puts, deletes, ...entry }: Commit): Promise<Committed> {
    // Hashing awaits, so it comes first: from the comparison to the last row nothing may come between.
    const hashed = await Promise.all(puts.map(async ({ key, body }) => ({ key, body, hash: await sha256(body) })));
    return this.ctx.storage.transactionSync(() => {
      const head = this.head();
      if (head.epoch !== base) return { ok: false, epoch: head.epoch };
      const epoch = Math.max(base, above) + 1;
      const { hash, author, message, at, created, configured, deleted, action, role } = entry;
      this.#sql.exec(
        "INSERT INTO epochs (epoch, hash, author, message, at, created, configured, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        epoch,
        hash,
        author,
        message,
        at,
        created,
        configured,
        deleted,
      );
      for (const put of hashed) {
        this.#sql.exec("INSERT OR IGNORE INTO bodies (hash, body) VALUES (?, ?)", put.hash, put.body);
        this.#sql.exec("INSERT INTO changes (key, epoch, body_hash) VALUES (?, ?, ?)", put.key, epoch, put.hash);
      }
      for (const key of deletes) {
        this.#sql.exec("INSERT INTO changes (key, epoch, body_hash) VALUES (?, ?, NULL)", key, epoch);
      }
      const detail = { message, created, configured, deleted };
      this.#audit.add({ at, who: author, role, action }, { outcome: "done", status: 200, epoch, detail });
      return { ok: true, epoch };
    });
  }

  /** What the epoch changed, each key's body before and after; null where there was or is none. */
  changesOf(epoch: number): readonly { readonly before: string | null; readonly after: string | null }[] {
    return this.#sql
      .exec<{ before: string | null; after: string | null }>(
        `SELECT was.body AS before, is_.body AS after FROM changes AS this
         LEFT JOIN bodies AS is_ ON is_.hash = this.body_hash
         LEFT JOIN changes AS last ON last.key = this.key
           AND last.epoch = (SELECT MAX(epoch) FROM changes WHERE key = this.key AND epoch < this.epoch)
         LEFT JOIN bodies AS was ON was.hash = last.body_hash
         WHERE this.epoch = ? ORDER BY this.key`,
        epoch,
      )
      .toArray();
  }

  beginAttempt(attempt: Attempt): number {
    return this.#audit.begin(attempt);
  }

  endAttempt(id: number, result: Result): void {
    this.#audit.end(id, result);
  }

  addAttempt(attempt: Attempt, result: Result): void {
    this.#audit.add(attempt, result);
  }

  addDenied(attempts: readonly DeniedAttempt[]): void {
    this.#audit.denied(attempts);
  }

  audit(query: AuditQuery): readonly StoredEntry[] {
    return this.#audit.read(query);
  }

  /** All API tokens by name, expired ones as well. */
  tokens(): readonly StoredToken[] {
    return this.#sql.exec<StoredToken>("SELECT name, role, hash, created, expires FROM tokens ORDER BY name").toArray();
  }

  addToken({ name, role, hash, created, expires }: StoredToken): "made" | "taken" | "full" {
    const present = this.tokens();
    if (present.some((token) => token.name === name)) return "taken";
    if (present.length >= MAX_TOKENS) return "full";
    this.#sql.exec("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", name, role, hash, created, expires);
    return "made";
  }

  /** False when there is none of this name. */
  removeToken(name: string): boolean {
    return this.#sql.exec("DELETE FROM tokens WHERE name = ?", name).rowsWritten > 0;
  }

  /** Forgets those that are too old; false when there are too many still. */
  keepSignIn({ hash, sealed, until }: SignIn, now: number): boolean {
    this.#sql.exec("DELETE FROM sign_ins WHERE until <= ?", now);
    if (this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM sign_ins").one().n >= MAX_SIGN_INS) return false;
    this.#sql.exec("INSERT INTO sign_ins VALUES (?, ?, ?)", hash, sealed, until);
    return true;
  }

  /** What is sealed, this once; undefined when there is none of this name that is young enough. */
  takeSignIn(hash: string, now: number): ArrayBuffer | undefined {
    const [found] = this.#sql.exec<SignIn>("DELETE FROM sign_ins WHERE hash = ? RETURNING *", hash);
    return found && found.until > now ? found.sealed : undefined;
  }

  /** Newest first, at most `limit`; only epochs before `before` when it is given. */
  history(limit: number, before: number = Number.MAX_SAFE_INTEGER): readonly HistoryEntry[] {
    return this.#sql
      .exec<HistoryEntry>("SELECT * FROM epochs WHERE epoch < ? ORDER BY epoch DESC LIMIT ?", before, limit)
      .toArray();
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return hexOf(new Uint8Array(digest));
}
