import { canonicalJson } from "../canonical.ts";

/** Equal values share one place in a list: rules and backends are referred to by index, and repeat a great deal. */
export class Interned<T> {
  readonly list: T[] = [];
  readonly #indices = new Map<string, number>();

  index(value: T): number {
    const key = canonicalJson(value);
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#indices.set(key, this.list.length);
    return this.list.push(value) - 1;
  }
}
