import { DurableObject } from "cloudflare:workers";
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import type { Workload } from "../mesh/api.ts";
import {
  ASSERTION_MS,
  DEBUG_AUDIENCE,
  DEBUG_ISSUER,
  DEBUG_MS,
  edgeAudience,
  identity,
  issuerOf,
  type MeshIdentity,
  SKEW_MS,
  TOKEN_MS,
} from "../mesh/identity.ts";
import type { Jwk, KeySet } from "../mesh/key-set.ts";
import { newKeys, published, rotate, type SigningKeys } from "../mesh/signing-keys.ts";

/** Edges may keep the key that signs assertions for as long. */
const EDGE_KEY_MS = 5 * 60_000;
/** After a new bootstrap secret, the old one is good for as long: a deploy takes time. */
const OLD_SECRET_MS = 60 * 60_000;

/** SPIFFE's JWT-SVID takes ES256 and does not take EdDSA. */
const ALGORITHM = "ES256";

/** What was signed must verify for as long as it is good, beside what clocks differ by. */
const LIFETIMES_MS: Readonly<Record<Purpose, number>> = {
  workload: TOKEN_MS,
  edge: EDGE_KEY_MS + ASSERTION_MS,
  debug: DEBUG_MS,
};

type Purpose = "workload" | "edge" | "debug";
/** Private, and its public part. */
type Pair = { readonly secret: Jwk; readonly open: Jwk };
type Row = {
  readonly namespace: string;
  readonly name: string;
  readonly secret: string;
  readonly old_secret: string | null;
  readonly old_until: number;
  readonly created: number;
  readonly revoked: number | null;
  readonly cut: number | null;
};

/**
 * Who the workloads are, and the keys that vouch for them. One instance, named "identity". Private keys of workloads' tokens never leave it.
 * What it knows of a bootstrap secret is the SHA-256: secrets have 256 random bits, so that a slow hash would add nothing.
 */
export class IdentityObject extends DurableObject {
  readonly #sql = this.ctx.storage.sql;
  readonly #kv = this.ctx.storage.kv;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS workloads (
      namespace TEXT NOT NULL, name TEXT NOT NULL, secret TEXT NOT NULL, old_secret TEXT, old_until INTEGER NOT NULL,
      created INTEGER NOT NULL, revoked INTEGER, cut INTEGER, PRIMARY KEY (namespace, name)
    ) WITHOUT ROWID`);
  }

  /** A workload with the SHA-256 of its secret; false where there is one that is not revoked. */
  async add(namespace: string, name: string, secret: string): Promise<boolean> {
    await Promise.all([this.#keys("workload"), this.#keys("edge")]);
    const known = this.#find(namespace, name);
    if (known && known.revoked === null) return false;
    this.#sql.exec(
      "INSERT OR REPLACE INTO workloads (namespace, name, secret, old_until, created, revoked, cut) VALUES (?, ?, ?, 0, ?, NULL, ?)",
      namespace,
      name,
      secret,
      Date.now(),
      known?.cut ?? null,
    );
    this.#changed();
    return true;
  }

  list(): readonly Workload[] {
    return this.#sql
      .exec<Row>("SELECT * FROM workloads ORDER BY namespace, name")
      .toArray()
      .map(({ namespace, name, created, revoked }) => ({
        namespace,
        name,
        created,
        ...(revoked !== null && { revoked }),
      }));
  }

  /** A new secret; the one before is good for an hour more. False where there is no such workload. */
  renew(namespace: string, name: string, secret: string): boolean {
    const { rowsWritten } = this.#sql.exec(
      "UPDATE workloads SET old_secret = secret, old_until = ?, secret = ? WHERE namespace = ? AND name = ? AND revoked IS NULL",
      Date.now() + OLD_SECRET_MS,
      secret,
      namespace,
      name,
    );
    return rowsWritten > 0;
  }

  /** All that was issued counts no longer, and nothing more will be issued. False where there is no such workload. */
  revoke(namespace: string, name: string): boolean {
    const now = Date.now();
    const { rowsWritten } = this.#sql.exec(
      "UPDATE workloads SET revoked = ?, cut = ?, old_secret = NULL WHERE namespace = ? AND name = ?",
      now,
      Math.floor(now / 1000),
      namespace,
      name,
    );
    if (rowsWritten > 0) this.#changed();
    return rowsWritten > 0;
  }

  /** The keys that were next sign from now on. With `drop`, what older ones signed counts no longer. */
  async rotateKeys(drop: boolean): Promise<void> {
    for (const purpose of ["workload", "edge", "debug"] as const) {
      const keys = await this.#keys(purpose);
      const lifetimeMs = LIFETIMES_MS[purpose] + SKEW_MS;
      const fresh = await newPair(purpose);
      this.#kv.put(purpose, rotate(keys, fresh, Date.now(), { lifetimeMs, drop }));
    }
    this.#changed();
  }

  /** A token for the edges of the mesh; undefined, whatever the reason, where the secret is not this workload's. */
  async issue(trustDomain: string, namespace: string, name: string, secret: string): Promise<string | undefined> {
    const workload = await this.#keys("workload");
    const row = this.#find(namespace, name);
    const now = Date.now();
    if (!row || row.revoked !== null) return undefined;
    if (row.secret !== secret && !(row.old_secret === secret && now < row.old_until)) return undefined;
    // Nothing that was issued in the second of a revocation counts, nor would this.
    const issuedAt = Math.max(Math.floor(now / 1000), (row.cut ?? 0) + 1);
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: String(workload.current.open.kid), typ: "JWT" })
      .setIssuer(issuerOf(trustDomain))
      .setSubject(identity(trustDomain, namespace, name).spiffe)
      .setAudience(edgeAudience(trustDomain))
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + TOKEN_MS / 1000)
      .sign((await importJWK(workload.current.secret as JWK, ALGORITHM)) as CryptoKey);
  }

  /** What edges are to know; undefined before the first workload. `version` changes with it. */
  view(trustDomain: string): { readonly version: string; readonly identity: MeshIdentity | undefined } {
    const version = this.version();
    const [workload, edge] = [this.#stored("workload"), this.#stored("edge")];
    if (!workload || !edge) return { version, identity: undefined };
    const rows = this.#sql.exec<Row>("SELECT * FROM workloads WHERE cut IS NOT NULL").toArray();
    const revoked = rows.map(({ namespace, name, revoked: at, cut }) => [
      identity(trustDomain, namespace, name).spiffe,
      at === null ? cut : null,
    ]);
    const open = (keys: SigningKeys<Pair>) => ({ keys: published(keys, Date.now()).map((pair) => ({ ...pair.open })) });
    const found = { trustDomain, workloadKeys: open(workload), edgeKeys: open(edge) };
    return { version, identity: { ...found, revoked: Object.fromEntries(revoked) as MeshIdentity["revoked"] } };
  }

  /** Another text after each change that edges are to know of; empty before the first. */
  version(): string {
    return this.#kv.get<string>("version") ?? "";
  }

  /** Control has published what `view` said at `version`. */
  publishedTo(version: string): void {
    this.#kv.put("published", version);
  }

  isPublished(): boolean {
    return (this.#kv.get<string>("published") ?? "") === this.version();
  }

  /** What edges sign assertions with; undefined before the first workload. `until` in milliseconds since 1970. */
  edgeKey(): { readonly key: Jwk; readonly until: number } | undefined {
    const keys = this.#stored("edge");
    return keys && { key: { ...keys.current.secret }, until: Date.now() + EDGE_KEY_MS };
  }

  /** With it, edges tell whoever sends it why they do what they do. `by` is the operator's name. */
  async debugToken(by: string): Promise<string> {
    const { current } = await this.#keys("debug");
    const issuedAt = Math.floor(Date.now() / 1000);
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: String(current.open.kid), typ: "JWT" })
      .setIssuer(DEBUG_ISSUER)
      .setSubject(by)
      .setAudience(DEBUG_AUDIENCE)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + DEBUG_MS / 1000)
      .sign((await importJWK(current.secret as JWK, ALGORITHM)) as CryptoKey);
  }

  /** By which edges verify such tokens: none before the first. */
  debugKeys(): KeySet {
    const keys = this.#stored("debug");
    return { keys: keys ? published(keys, Date.now()).map((pair) => ({ ...pair.open })) : [] };
  }

  #find(namespace: string, name: string): Row | undefined {
    return this.#sql
      .exec<Row>("SELECT * FROM workloads WHERE namespace = ? AND name = ?", namespace, name)
      .toArray()[0];
  }

  #stored(purpose: Purpose): SigningKeys<Pair> | undefined {
    return this.#kv.get<SigningKeys<Pair>>(purpose);
  }

  /** The keys, made when they are first needed. */
  async #keys(purpose: Purpose): Promise<SigningKeys<Pair>> {
    if (this.#stored(purpose) === undefined) {
      const keys = newKeys(await newPair(purpose), await newPair(purpose));
      // Another call may have been quicker: its keys may have signed already.
      if (this.#stored(purpose) === undefined) this.#kv.put(purpose, keys);
    }
    return this.#stored(purpose)!; // stands above
  }

  #changed(): void {
    this.#kv.put("version", crypto.randomUUID());
  }
}

async function newPair(purpose: Purpose): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const named = { kid: `${purpose}-${crypto.randomUUID()}`, alg: ALGORITHM };
  return {
    secret: { ...((await exportJWK(privateKey)) as Jwk), ...named },
    open: { ...((await exportJWK(publicKey)) as Jwk), ...named, use: "sig" },
  };
}
