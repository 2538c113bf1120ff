/** Which limits a snapshot has, and what is told of their buckets: what `selvedge limits` shows and resets. */
import { type Flow, perMsOf } from "./policies/flow.ts";
import type { RateLimit } from "./policies/rate-limit.ts";
import type { Policy, Snapshot } from "./snapshot.ts";

/** Each limit once, in the order of their names. */
export function limitsOf({ rules }: Pick<Snapshot, "rules">): readonly RateLimit[] {
  const found = new Map<string, RateLimit>();
  const note = (layers: readonly Policy[]) => {
    for (const layer of layers)
      if (layer.kind === "rate-limit") for (const limit of layer.limits) found.set(limit.name, limit);
  };
  for (const { layers, backends } of rules) {
    note(layers);
    for (const part of backends) note(part.layers);
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The bucket of a limit that tells no calls apart. */
export const onlyBucketOf = ({ name }: Pick<RateLimit, "name">): string => `${name}/[]`;

/** `namespace/policy/limit` of the bucket's name: no part of it has a slash. */
export const limitOf = (bucket: string): string => bucket.split("/", 3).join("/");

/** Whether `bucket` is meant by a policy's, a limit's or its own whole name. */
export const isMeant = (bucket: string, name: string): boolean => bucket === name || bucket.startsWith(`${name}/`);

/** What calls of one isolate, or of all together, want of a bucket. */
export type BucketUse = {
  readonly bucket: string;
  /** A second, of whatever the limit counts: admitted or not. */
  readonly wanted: number;
  /** Calls a second. */
  readonly refused: number;
};

/** Of each limit so many buckets by what is refused, as many by what is wanted, and no more than these of all limits. */
const MOST_OF_A_LIMIT = 5;
const MOST = 40;
/** A second: less than that was some time ago. */
const LEAST = 0.01;

/** An isolate's busiest buckets, those that refuse most first. `now` is in milliseconds since 1970. */
export function busiest(
  holders: Iterable<readonly [bucket: string, holder: { readonly demand: Flow; readonly refusals: Flow }]>,
  now: number,
): readonly BucketUse[] {
  const uses: BucketUse[] = [];
  for (const [bucket, { demand, refusals }] of holders) {
    const wanted = 1000 * perMsOf(demand, now);
    const refused = 1000 * perMsOf(refusals, now);
    if (wanted >= LEAST || refused >= LEAST) uses.push({ bucket, wanted: rounded(wanted), refused: rounded(refused) });
  }
  const chosen = new Set<BucketUse>();
  for (const ofLimit of Map.groupBy(uses, ({ bucket }) => limitOf(bucket)).values()) {
    const refusing = ofLimit.filter(({ refused }) => refused > 0).toSorted(byRefused);
    for (const use of refusing.slice(0, MOST_OF_A_LIMIT)) chosen.add(use);
    for (const use of ofLimit.toSorted((a, b) => b.wanted - a.wanted).slice(0, MOST_OF_A_LIMIT)) chosen.add(use);
  }
  return [...chosen].toSorted(byRefused).slice(0, MOST);
}

const byRefused = (a: BucketUse, b: BucketUse): number => b.refused - a.refused || b.wanted - a.wanted;

/** A rate to three digits, as it is shown: sums of rates have more. */
export const rounded = (rate: number): number => Number(rate.toPrecision(3));
