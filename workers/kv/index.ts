/**
 * KV as a service, for workerd of one's own: the runtime turns each call of a KV binding into an HTTP request to this Worker, and one
 * object keeps what is written. Of KV's interface, what control and the edges use: get, put, and list by prefix.
 */
import { DurableObject } from "cloudflare:workers";

type Env = { readonly STORE: DurableObjectNamespace<KvObject> };

/** A row may have two million bytes, and a value of KV more than ten times that. */
const PART_BYTES = 1_000_000;
/** As many keys as KV lists at once. */
const MOST_LISTED = 1000;
/** Above every character that a key has. */
const LAST = "\u{10FFFF}";

export class KvObject extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql.exec("CREATE TABLE IF NOT EXISTS kv (key TEXT, part INTEGER, value BLOB, PRIMARY KEY (key, part))");
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const key = decodeURIComponent(pathname.slice(1));
    if (request.method === "PUT") {
      this.#put(key, new Uint8Array(await request.arrayBuffer()));
      return new Response(null);
    }
    if (request.method !== "GET") return new Response(null, { status: 405 });
    if (key === "") return Response.json(this.#list(searchParams.get("prefix") ?? "", limitIn(searchParams)));
    const value = this.#get(key);
    return value ? new Response(value) : new Response(null, { status: 404 });
  }

  #put(key: string, value: Uint8Array): void {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM kv WHERE key = ?", key);
      // An empty value has one part as well, or its key would not be there.
      for (let part = 0; part === 0 || part * PART_BYTES < value.length; part++) {
        const piece = value.slice(part * PART_BYTES, (part + 1) * PART_BYTES).buffer;
        this.#sql.exec("INSERT INTO kv (key, part, value) VALUES (?, ?, ?)", key, part, piece);
      }
    });
  }

  #get(key: string): Blob | undefined {
    const rows = this.#sql.exec<{ value: ArrayBuffer }>("SELECT value FROM kv WHERE key = ? ORDER BY part", key);
    const parts = rows.toArray().map(({ value }) => value);
    return parts.length > 0 ? new Blob(parts) : undefined;
  }

  #list(prefix: string, limit: number) {
    const names = this.#sql
      .exec<{ name: string }>(
        "SELECT DISTINCT key AS name FROM kv WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
        prefix,
        prefix + LAST,
        limit + 1,
      )
      .toArray();
    return { keys: names.slice(0, limit), list_complete: names.length <= limit };
  }
}

const limitIn = (query: URLSearchParams): number =>
  Math.min(Number(query.get("key_count_limit")) || MOST_LISTED, MOST_LISTED);

export default {
  fetch: (request, env) => env.STORE.getByName("kv").fetch(request),
} satisfies ExportedHandler<Env>;
