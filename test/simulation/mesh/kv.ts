/** Workers KV: one truth, and a copy of it in each place that is older, and also remembers what was not there. */
import type { Weather } from "./weather.ts";
import type { World } from "./world.ts";

type Value = string | Uint8Array;
type Written = { readonly value: Value | undefined; readonly at: number; readonly place: string };
type Copy = { readonly value: Value | undefined; readonly at: number };

const SHORTEST_TTL_MS = 30_000;
const USUAL_TTL_S = 60;

export class Kv {
  readonly #world: World;
  readonly #weather: Weather;
  readonly #written = new Map<string, Written[]>();
  readonly #copies = new Map<string, Copy>();

  constructor(world: World, weather: Weather) {
    this.#world = world;
    this.#weather = weather;
  }

  async get(key: string, how: string | { readonly type?: string; readonly cacheTtl?: number } = {}): Promise<unknown> {
    const options = typeof how === "string" ? { type: how } : how;
    await this.#way();
    const value = this.#read(key, options.cacheTtl ?? USUAL_TTL_S);
    if (value === undefined) return null;
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    if (options.type !== "arrayBuffer") return typeof value === "string" ? value : new TextDecoder().decode(value);
    return Uint8Array.from(this.#weather.kv === "corrupt" ? this.#corrupted(key, bytes) : bytes).buffer;
  }

  /** A listing has no copies of its own, and is as late as they can be. */
  async list({
    prefix,
  }: {
    readonly prefix: string;
  }): Promise<{ readonly keys: readonly { readonly name: string }[] }> {
    await this.#way();
    const place = this.#world.task?.process.place ?? "";
    const names = [...this.#written.keys()].filter(
      (key) => key.startsWith(prefix) && this.#seen(key, place) !== undefined,
    );
    return { keys: names.map((name) => ({ name })) };
  }

  async put(key: string, value: string | ArrayBuffer | Uint8Array): Promise<void> {
    await this.#way();
    if (this.#weather.kv === "losing writes") return;
    this.#write(
      key,
      typeof value === "string" ? value : new Uint8Array(value instanceof ArrayBuffer ? value : Uint8Array.from(value)),
    );
  }

  async delete(key: string): Promise<void> {
    await this.#way();
    this.#write(key, undefined);
  }

  #write(key: string, value: Value | undefined): void {
    const place = this.#world.task?.process.place ?? "";
    const all = this.#written.get(key) ?? [];
    all.push({ value, at: this.#world.now, place });
    this.#written.set(key, all);
    this.#copies.set(`${place} ${key}`, { value, at: this.#world.now });
  }

  #read(key: string, ttl: number): Value | undefined {
    const place = this.#world.task?.process.place ?? "";
    const { now } = this.#world;
    const copy = this.#copies.get(`${place} ${key}`);
    if (copy && now - copy.at < Math.max(SHORTEST_TTL_MS, ttl * 1000)) return copy.value;
    const value = this.#seen(key, place);
    this.#copies.set(`${place} ${key}`, { value, at: now });
    return value;
  }

  #seen(key: string, place: string): Value | undefined {
    const all = this.#written.get(key) ?? [];
    return all.findLast((one) => one.place === place || one.at + this.#lag(place) <= this.#world.now)?.value;
  }

  /** Each place has its own, always the same one. */
  #lag(place: string): number {
    let mixed = this.#world.seed;
    for (const character of place) mixed = Math.imul(mixed ^ character.codePointAt(0)!, 0x01000193) >>> 0;
    return (mixed / 2 ** 32) * this.#weather.kvLagMs;
  }

  /** Cut short, one bit wrong, or whole and of another name. */
  #corrupted(key: string, bytes: Uint8Array): Uint8Array {
    const random = this.#world.random("corruption");
    const [kind = ""] = key.split("/");
    const others = [...this.#written].filter(([name]) => name !== key && name.startsWith(`${kind}/`));
    const other = others[Math.floor(random() * others.length)]?.[1].at(-1)?.value;
    if (other instanceof Uint8Array && random() < 0.5) return other;
    if (random() < 0.5) return bytes.slice(0, Math.floor(random() * bytes.length));
    const flipped = Uint8Array.from(bytes);
    const at = Math.floor(random() * bytes.length);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    return flipped;
  }

  async #way(): Promise<void> {
    const world = this.#world;
    const from = world.task!; // only code of a process has KV
    const down = this.#weather.kv === "down";
    const ms = down ? (world.random("kv")() < 0.5 ? 10 : 60_000) : world.between("kv", 1, 15);
    await new Promise<void>((resolve, reject) => {
      world.arrive(from, ms, () => (down ? reject(new Error("KV GET failed: 503 Service Unavailable")) : resolve()));
    });
  }
}

/** The Cache API, a cache to a place. */
export class Caches {
  readonly #world: World;
  readonly #kept = new Map<string, { readonly bytes: Uint8Array; readonly headers: Headers }>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Of the place of whoever runs. */
  here(): Cache {
    const place = this.#world.task?.process.place ?? "";
    return {
      match: async (url: string) => {
        const kept = this.#kept.get(`${place} ${url}`);
        return kept && new Response(Uint8Array.from(kept.bytes), { headers: kept.headers });
      },
      put: async (url: string, response: Response) => {
        const bytes = new Uint8Array(await response.arrayBuffer());
        this.#kept.set(`${place} ${url}`, { bytes, headers: new Headers(response.headers) });
      },
    } as unknown as Cache;
  }

  forget(): void {
    this.#kept.clear();
  }
}
