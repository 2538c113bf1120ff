import { canonicalJson } from "./canonical.ts";

/** Equal values share one place in a list: rules, backends and stacks of layers are referred to by index, and repeat a great deal. */
export class Interned<T extends object> {
  readonly list: T[] = [];
  readonly #meaning: (value: T) => unknown;
  readonly #byMeaning = new Map<string, number>();
  /** As they happened to be built. To put keys in order is several times the work, and most values are built as one before them was. */
  readonly #byText = new Map<string, number>();
  /** Writing out a backend of a thousand endpoints for each route that names it would be most of a compile. */
  readonly #byIdentity = new WeakMap<T, number>();

  /** `meaning` is what tells a value from others, by default all of it; its keys may stand in any order. */
  constructor(meaning: (value: T) => unknown = (value) => value) {
    this.#meaning = meaning;
  }

  index(value: T): number {
    const same = this.#byIdentity.get(value);
    if (same !== undefined) return same;
    const meaning = this.#meaning(value);
    const text = JSON.stringify(meaning);
    const index = this.#byText.get(text) ?? this.#indexOf(canonicalJson(meaning), value);
    this.#byText.set(text, index);
    this.#byIdentity.set(value, index);
    return index;
  }

  /** The one of all values equal to this that stands in the list. */
  shared(value: T): T {
    return this.list[this.index(value)]!; // where it has just been put
  }

  #indexOf(meaning: string, value: T): number {
    const index = this.#byMeaning.get(meaning) ?? this.list.push(value) - 1;
    this.#byMeaning.set(meaning, index);
    return index;
  }
}
