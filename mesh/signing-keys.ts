/**
 * Keys that sign, in three generations, so that they change without an outage: `next` is published before it ever signs, and those
 * before the current one are published until all that they signed has expired.
 */
export type SigningKeys<Key> = {
  readonly next: Key;
  readonly current: Key;
  /** Newest first. `until` in milliseconds since 1970. */
  readonly previous: readonly { readonly key: Key; readonly until: number }[];
};

export const newKeys = <Key>(current: Key, next: Key): SigningKeys<Key> => ({ current, next, previous: [] });

/**
 * The next key signs from now on, and `fresh` comes after it. What the old one signed is good for `lifetimeMs` more; with `drop`, at once
 * for nothing: the answer to a key that was stolen.
 */
export function rotate<Key>(
  { next, current, previous }: SigningKeys<Key>,
  fresh: Key,
  now: number,
  { lifetimeMs, drop = false }: { readonly lifetimeMs: number; readonly drop?: boolean },
): SigningKeys<Key> {
  const kept = [{ key: current, until: now + lifetimeMs }, ...previous].filter(({ until }) => until > now);
  return { next: fresh, current: next, previous: drop ? [] : kept };
}

/** Every key by which a signature may have to be verified. */
export const published = <Key>({ next, current, previous }: SigningKeys<Key>, now: number): Key[] => [
  current,
  next,
  ...previous.filter(({ until }) => until > now).map(({ key }) => key),
];
