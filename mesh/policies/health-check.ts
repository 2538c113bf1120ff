/**
 * Active health checks of one backend's endpoints, as one state machine: what is known of each, and when it is checked next.
 * Its object runs it for the whole fleet, as long as edges ask for what it finds. Times are milliseconds on the object's clock.
 */

export type HealthCheck = {
  /** Names the object: one checks for all who use the backend, under whatever name. */
  readonly object: string;
  /** Below each endpoint's own; begins with `/`. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many passed in a row bring an endpoint back, so many failed in a row take it out. */
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** Ranges of statuses that pass, first and last. */
  readonly statuses: readonly (readonly [number, number])[];
  /** 0 to 1: by up to so much of an interval a check comes later. */
  readonly jitter: number;
};

type Verdict = {
  readonly healthy: boolean;
  /** Checks in a row that contradict `healthy`. */
  readonly against: number;
  /** When the last check ended; 0 for none. */
  readonly checkedAt: number;
  /** When the next one is due. */
  readonly nextAt: number;
};

export type Health = {
  readonly check: HealthCheck;
  /** Of the configuration that `check` and the endpoints come from. */
  readonly epoch: number;
  /** When an edge last asked. */
  readonly askedAt: number;
  /** By address. */
  readonly endpoints: Readonly<Record<string, Verdict>>;
};

/** Nobody has asked for so long: the checks end. At least three intervals, since edges ask once in each. */
const LEASE_MS = 60_000;
const leaseMs = ({ intervalMs }: HealthCheck): number => Math.max(LEASE_MS, 3 * intervalMs);

/**
 * A verdict counts for so long after it was found or heard of: two checks or questions may go missing. Then its endpoint is
 * healthy for all anyone knows.
 */
export const holdMs = ({ intervalMs, jitter, timeoutMs }: HealthCheck): number =>
  3 * (intervalMs * (1 + jitter) + timeoutMs);

/** An edge's question: it renews the lease, and says what is to be checked. An older configuration than is known changes nothing else. */
export function ask(
  state: Health | undefined,
  {
    check,
    epoch,
    addresses,
  }: { readonly check: HealthCheck; readonly epoch: number; readonly addresses: readonly string[] },
  now: number,
): Health {
  if (state && epoch <= state.epoch) return { ...state, askedAt: now };
  const known = state?.endpoints ?? {};
  const unknown: Verdict = { healthy: true, against: 0, checkedAt: 0, nextAt: now };
  // With another check, the next one is due at once: the old time may be hours away.
  const endpoints = addresses.map((address) => {
    const verdict = Object.hasOwn(known, address) ? known[address]! : unknown;
    return [address, { ...verdict, nextAt: Math.min(verdict.nextAt, now) }] as const;
  });
  return { check, epoch, askedAt: now, endpoints: Object.fromEntries(endpoints) };
}

/** Whether anyone still wants to know. */
export const isWanted = ({ askedAt, check }: Health, now: number): boolean => now - askedAt < leaseMs(check);

/** The addresses to check now, the longest due first. */
export const due = ({ endpoints }: Health, now: number): readonly string[] =>
  Object.entries(endpoints)
    .filter(([, { nextAt }]) => nextAt <= now)
    .toSorted(([, a], [, b]) => a.nextAt - b.nextAt)
    .map(([address]) => address);

/** When the first of the endpoints is due. */
export const dueAt = ({ endpoints }: Health): number =>
  Object.values(endpoints).reduce((first, { nextAt }) => Math.min(first, nextAt), Infinity);

/** A check of `address` has ended. One that is no longer an endpoint changes nothing. `random` is 0 to 1. */
export function judge(state: Health, address: string, passed: boolean, now: number, random: number): Health {
  if (!Object.hasOwn(state.endpoints, address)) return state;
  const { check, endpoints } = state;
  const { healthy, against } = endpoints[address]!;
  const contradicts = passed === healthy ? 0 : against + 1;
  const turns = contradicts >= (healthy ? check.unhealthyThreshold : check.healthyThreshold);
  const next: Verdict = {
    healthy: turns ? passed : healthy,
    against: turns ? 0 : contradicts,
    checkedAt: now,
    nextAt: now + check.intervalMs * (1 + check.jitter * random),
  };
  return { ...state, endpoints: { ...endpoints, [address]: next } };
}

/** The addresses that fail, by verdicts that still count. */
export const failing = ({ check, endpoints }: Health, now: number): readonly string[] =>
  Object.entries(endpoints)
    .filter(([, { healthy, checkedAt }]) => !healthy && now - checkedAt < holdMs(check))
    .map(([address]) => address);

export const passes = ({ statuses }: HealthCheck, status: number): boolean =>
  statuses.some(([first, last]) => status >= first && status <= last);

/** Whether a question is worth a write, of the object that must remember it: every quarter of a lease one is. */
export const isWorthKeeping = (before: Health | undefined, after: Health): boolean =>
  before?.epoch !== after.epoch || after.askedAt - before.askedAt >= leaseMs(after.check) / 4;
