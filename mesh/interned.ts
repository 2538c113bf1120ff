import { canonicalJson } from "./canonical.ts";

/** Equal values share one place in a list: rules and backends are referred to by index, and repeat a great deal. */
export class Interned<T extends object> {
  readonly list: T[] = [];
  readonly #byText = new Map<string, number>();
  /** Writing out a backend of a thousand endpoints for each route that names it would be most of a compile. */
  readonly #byIdentity = new Map<T, number>();

  index(value: T): number {
    const same = this.#byIdentity.get(value);
    if (same !== undefined) return same;
    const text = canonicalJson(value);
    const index = this.#byText.get(text) ?? this.list.push(value) - 1;
    this.#byText.set(text, index);
    this.#byIdentity.set(value, index);
    return index;
  }
}
