/** Results of one run for the next, which takes over those that are of the very same things. */
export class Kept<K, T> {
  readonly #before: ReadonlyMap<K, Result<T>>;
  readonly #now = new Map<K, Result<T>>();

  constructor(before?: Kept<K, T>) {
    this.#before = before ? before.#now : new Map();
  }

  /** Whether anything was asked for in this run. */
  get isEmpty(): boolean {
    return this.#now.size === 0;
  }

  /** `of` is all that `make` looks at and that may be another in the next run; objects are the same if they are identical. */
  get(key: K, of: readonly unknown[], make: () => T): T {
    const known = this.#now.get(key) ?? this.#before.get(key);
    const result = known && areSame(known.of, of) ? known : { of, made: make() };
    this.#now.set(key, result);
    return result.made;
  }
}

type Result<T> = { readonly of: readonly unknown[]; readonly made: T };

export const areSame = (some: readonly unknown[], others: readonly unknown[]): boolean =>
  some.length === others.length && some.every((one, index) => one === others[index]);
