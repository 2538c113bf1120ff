/** What came of the copies that a mirror got: counted in isolates, added up in collectors, a few differences kept as samples. */
import type { Difference } from "../policies/mirror-compare.ts";

type MirrorCounts = {
  /** Answered as the primary did, and otherwise. */
  readonly same: number;
  readonly different: number;
  /** Copies that got no answer. */
  readonly failed: number;
  /** One of the two had no answer or a body that could not be compared; counted beside the others, but where there was nothing to compare. */
  readonly uncompared: number;
};

type MirrorSample = {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  /** Without its query: that may hold what nobody else should see. */
  readonly path: string;
  readonly differences: readonly Difference[];
};

/** Of one rule and one mirror. */
export type MirrorTally = MirrorCounts & {
  /** `namespace/route/rule`. */
  readonly rule: string;
  /** The mirror's backend by name. */
  readonly mirror: string;
  /** When the last copy was judged, in milliseconds since 1970. */
  readonly at: number;
  /** The newest first. */
  readonly samples: readonly MirrorSample[];
};

export const MOST_SAMPLES = 20;

export const tallyKey = ({ rule, mirror }: Pick<MirrorTally, "rule" | "mirror">): string => `${rule} ${mirror}`;

/** Both together; whichever comes first. */
export const added = (one: MirrorTally, other: MirrorTally): MirrorTally => ({
  ...one,
  same: one.same + other.same,
  different: one.different + other.different,
  failed: one.failed + other.failed,
  uncompared: one.uncompared + other.uncompared,
  at: Math.max(one.at, other.at),
  samples: [...one.samples, ...other.samples].toSorted((a, b) => b.at - a.at).slice(0, MOST_SAMPLES),
});

/** By rule and mirror, in the order of their names. */
export function addedUp(tallies: readonly MirrorTally[]): MirrorTally[] {
  const found = new Map<string, MirrorTally>();
  for (const tally of tallies) {
    const known = found.get(tallyKey(tally));
    found.set(tallyKey(tally), known ? added(known, tally) : tally);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, tally]) => tally);
}
