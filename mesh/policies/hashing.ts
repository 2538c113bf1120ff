/**
 * Consistent hashing: the same key goes to the same endpoint, and when endpoints come or go, only the keys of those move.
 * Rendezvous for few endpoints (Thaler and Ravishankar 1998): no table, every endpoint is scored. Maglev for many
 * (Eisenbud et al. 2016): one look into a table.
 */

/** Beyond this many, scoring every endpoint costs more than a table. */
export const MOST_SCORED = 64;
/** Envoy's and the paper's: a prime, some hundred times the number of endpoints. */
const TABLE_SIZE = 65_537;

/** FNV-1a with Murmur3's finish: 32 bits, every one of which depends on every character. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mixed(hash);
}

/** Another hash for the same key. */
export const rehash = (hash: number, salt: number): number => mixed(hash ^ Math.imul(salt, 0x9e3779b1));

/**
 * The index of highest score among those that `accepts` takes, or undefined if it takes none. Shares go by weight: the score
 * is -weight / ln(hash as a number from 0 to 1) (Mosko, Byrd et al.: weighted rendezvous by inverse logarithm).
 */
export function rendezvous(
  key: number,
  members: readonly { readonly seed: number; readonly weight: number }[],
  accepts: (index: number) => boolean,
): number | undefined {
  let best: number | undefined;
  let highest = -1;
  for (let index = 0; index < members.length; index++) {
    const { seed, weight } = members[index]!;
    const score = -weight / Math.log((mixed(key ^ seed) + 0.5) / 2 ** 32);
    if (score > highest && accepts(index)) {
      highest = score;
      best = index;
    }
  }
  return best;
}

/** Maglev's table: `table[hash % table.length]` is an index into `members`. Shares go by weight. */
export function maglev(members: readonly { readonly seed: number; readonly weight: number }[]): Uint16Array {
  const table = new Uint16Array(TABLE_SIZE);
  const taken = new Uint8Array(TABLE_SIZE);
  const heaviest = Math.max(...members.map(({ weight }) => weight));
  const walks = members.map(({ seed, weight }) => ({
    at: mixed(seed) % TABLE_SIZE,
    step: (rehash(seed, 1) % (TABLE_SIZE - 1)) + 1,
    share: weight / heaviest,
    turns: 0,
  }));
  let filled = 0;
  // In each round the heaviest takes one place, the others as many as their weight has earned them by then.
  for (let round = 1; filled < TABLE_SIZE; round++)
    for (let index = 0; index < walks.length && filled < TABLE_SIZE; index++) {
      const walk = walks[index]!;
      if (walk.share * round < walk.turns + 1) continue;
      walk.turns++;
      while (taken[walk.at]) walk.at = (walk.at + walk.step) % TABLE_SIZE;
      taken[walk.at] = 1;
      table[walk.at] = index;
      filled++;
    }
  return table;
}

function mixed(bits: number): number {
  let hash = bits;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
