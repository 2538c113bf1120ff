/**
 * Which endpoint of a backend a call goes to, decided by one isolate from what it knows: level (priority and zone), then
 * endpoint. Most picks read a plan that was made when something last changed, and allocate nothing.
 */
import type { Outcome } from "../outcome.ts";
import {
  type EjectionPolicy,
  GOOD,
  isEjected,
  judge,
  judgeRates,
  mayEject,
  type Standing,
  type Tally,
} from "./ejection.ts";
import { hashOf, maglev, MOST_SCORED, rehash, rendezvous } from "./hashing.ts";
import { enter, type InFlight, leave, noneInFlight, underWay } from "./in-flight.ts";
import { atLeast, expectedMs, type Latency, observe, PENALTY_MS, penaltyMs } from "./latency.ts";
import { isShort, shares } from "./priority.ts";
import { ramp } from "./ramp.ts";
import { position, type Weighted, weigh } from "./weighted.ts";

export type Balance = {
  readonly strategy: Strategy;
  /** 0 to 1: a level of which less is well is used whole, if the other levels cannot carry the traffic. */
  readonly panic: number;
  /** Endpoints of the edge's own zone come before the others of their priority. */
  readonly zones: boolean;
  /** For so long an endpoint that is new or back gets less than its share; 0 for none. */
  readonly slowStartMs: number;
  readonly ejection?: EjectionPolicy;
};

export type Strategy =
  | { readonly kind: "round-robin" }
  | { readonly kind: "random" }
  | { readonly kind: "least-request" }
  | { readonly kind: "peak-ewma" }
  | {
      readonly kind: "hash";
      readonly key: HashKey;
      /** More than 1: no endpoint has more calls under way than so many times its fair share. Absent: no bound. */
      readonly bound?: number;
    };

/** Names of headers are in lower case. */
export type HashKey =
  | { readonly kind: "address" }
  | { readonly kind: "header" | "cookie" | "query"; readonly name: string };

/** What a backend's configuration says of an endpoint; `address` names it from one configuration to the next. */
export type Place = {
  readonly address: string;
  readonly weight: number;
  readonly zone?: string;
  /** 0 is the first. */
  readonly priority?: number;
};

/** One endpoint, with what this isolate has learnt of it. Changed in place: every call does. */
export type Member = {
  readonly address: string;
  readonly weight: number;
  readonly seed: number;
  readonly inFlight: InFlight;
  latency: Latency | undefined;
  standing: Standing;
  readonly tally: Tally;
  /** What active health checks say; true while they have said nothing. */
  healthy: boolean;
  /** Since when it takes traffic, for slow start; 0 when it always did. */
  since: number;
};

export type Group = {
  /** What the group was made of. */
  readonly places: readonly Place[];
  readonly members: readonly Member[];
  /** By level, first level first: indices into `members`. */
  readonly levels: readonly (readonly number[])[];
  plan: Plan | undefined;
  /** When the members' tallies were begun. */
  talliedSince: number;
  /** How many picks went round. */
  turn: number;
  /** By level, made when first needed. */
  readonly tables: (Uint16Array | undefined)[];
};

/** What can be used now, until `until` or until something is learnt. */
type Plan = { readonly until: number; readonly levels: readonly PlannedLevel[]; readonly reach: Weighted<unknown> };
type PlannedLevel = {
  readonly level: number;
  readonly weight: number;
  readonly open: Weighted<Candidate>;
  /** By index of the member; absent for one that is not open. */
  readonly weightOf: readonly (number | undefined)[];
};
type Candidate = { readonly index: number; readonly weight: number };

/**
 * The group of a backend's endpoints as they are now configured. Endpoints that were known keep what was learnt of them. One
 * that joins a group starts slowly; those that an isolate finds when it starts do not, since it cannot tell which of them are new.
 */
export function group(
  places: readonly Place[],
  before: Group | undefined,
  zone: string,
  zones: boolean,
  now: number,
): Group {
  const known = new Map(before?.members.map((member) => [member.address, member]));
  const members = places.map(({ address, weight }): Member => {
    const old = known.get(address);
    return {
      address,
      weight,
      seed: hashOf(address),
      inFlight: old?.inFlight ?? noneInFlight(),
      latency: old?.latency,
      standing: old?.standing ?? GOOD,
      tally: old?.tally ?? { ok: 0, failed: 0 },
      healthy: old?.healthy ?? true,
      since: old?.since ?? (before ? now : 0),
    };
  });
  return {
    places,
    members,
    levels: levelsOf(places, zone, zones),
    plan: undefined,
    talliedSince: before?.talliedSince ?? now,
    turn: before?.turn ?? 0,
    tables: [],
  };
}

/** By priority, and within one by whether they are in the edge's own zone, if any endpoint is. */
function levelsOf(places: readonly Place[], zone: string, zones: boolean): readonly (readonly number[])[] {
  const near = zones && places.some((place) => place.zone === zone);
  const away = (place: Place) => (near && place.zone !== undefined && place.zone !== zone ? 1 : 0);
  const byKey = Map.groupBy(places.keys(), (index) => {
    const place = places[index]!;
    return (place.priority ?? 0) * 2 + away(place);
  });
  return [...byKey].toSorted(([a], [b]) => a - b).map(([, indices]) => indices);
}

export type Subject = {
  /** Of what consistent hashing goes by; undefined when the call has no such thing. */
  readonly key: number | undefined;
  /** Indices of endpoints that this call was sent to already. */
  readonly tried: readonly number[];
  /** 0 to 1. */
  readonly random: () => number;
};

/** An index into the group's members; undefined when it has none. One that was tried is picked only when all were. */
export function pick(group: Group, policy: Balance, subject: Subject, now: number): number | undefined {
  const { members } = group;
  if (members.length <= 1) return members.length === 1 ? 0 : undefined;
  if (!group.plan || now >= group.plan.until) group.plan = plan(group, policy, now);
  const untried = subject.tried.length > 0 ? without(group, group.plan, subject.tried) : undefined;
  const { levels, reach } = untried ?? group.plan;
  const level = levels[levels.length === 1 ? 0 : position(reach, subject.random())]!; // a plan has a level
  const { open } = level;
  switch (policy.strategy.kind) {
    case "random":
      return open.items[position(open, subject.random())]!.index;
    case "round-robin":
      return open.items[inTurn(open, group.turn++)]!.index;
    case "least-request":
      return ofTwo(group, open, subject.random, load, now);
    case "peak-ewma":
      return ofTwo(group, open, subject.random, cost, now);
    case "hash": {
      const { key } = subject;
      const found = key === undefined ? undefined : byKey(group, policy.strategy.bound, level, key, now);
      return found ?? open.items[position(open, subject.random())]!.index;
    }
  }
}

/** Whether a call that belongs to this endpoint may go there: it is not ejected, nor failing its health checks. */
export const isUsable = ({ standing, healthy }: Member, now: number): boolean => healthy && !isEjected(standing, now);

/** A call goes to `member`; `now` is what `end` is to be given as `began`. */
export const begin = ({ inFlight }: Member, now: number): void => enter(inFlight, now);

/**
 * What a finished call teaches. `retryAfterMs`: the endpoint asked to be left alone for so long, which is no failure. `outrun`: another
 * endpoint answered the call first, so that all that is known is that this one takes longer than it has taken.
 */
export function end(
  group: Group,
  index: number,
  { ejection }: Balance,
  {
    outcome,
    began,
    retryAfterMs,
    outrun = false,
  }: {
    readonly outcome: Outcome;
    readonly began: number;
    readonly retryAfterMs?: number;
    readonly outrun?: boolean;
  },
  now: number,
): void {
  const member = group.members[index]!; // as picked
  leave(member.inFlight, began, now);
  const tookMs = now - began;
  if (outrun) member.latency = atLeast(member.latency, tookMs, now);
  if (outcome === "ignored") return;
  const costMs = outcome === "failed" || retryAfterMs !== undefined ? penaltyMs(tookMs, retryAfterMs) : tookMs;
  member.latency = observe(member.latency, costMs, now);
  if (!ejection) return;
  if (ejection.successRate) tally(group, member, outcome, ejection, ejection.successRate.intervalMs, now);
  if (outcome === "ok" && member.standing.failures === 0) return;
  const out = group.members.filter(({ standing }) => isEjected(standing, now)).length;
  stand(
    group,
    member,
    judge(member.standing, outcome, mayEject(out, group.members.length, ejection), ejection, now),
    now,
  );
}

/** Counts the call, in the interval that is running: one that is over is judged first, whenever the next call ends. */
function tally(
  group: Group,
  member: Member,
  outcome: Outcome,
  ejection: EjectionPolicy,
  intervalMs: number,
  now: number,
): void {
  const { members } = group;
  if (now - group.talliedSince >= intervalMs) {
    const standings = members.map(({ standing }) => standing);
    const tallies = members.map((one) => one.tally);
    for (const [index, standing] of judgeRates(standings, tallies, ejection, now))
      stand(group, members[index]!, standing, now);
    for (const one of tallies) one.ok = one.failed = 0;
    group.talliedSince = now;
  }
  // Of an endpoint that is out, calls that come back now were sent before, or in a panic.
  if (isEjected(member.standing, now)) return;
  if (outcome === "ok") member.tally.ok++;
  else member.tally.failed++;
}

function stand(group: Group, member: Member, standing: Standing, now: number): void {
  if (isEjected(standing, now) && !isEjected(member.standing, now)) {
    group.plan = undefined;
    member.since = standing.until;
  }
  member.standing = standing;
}

/** What active health checks found: the addresses that fail them. */
export function learnHealth(group: Group, failing: ReadonlySet<string>, now: number): void {
  for (const member of group.members) {
    const healthy = !failing.has(member.address);
    if (healthy === member.healthy) continue;
    member.healthy = healthy;
    if (healthy) member.since = now;
    group.plan = undefined;
  }
}

/** The chance of each endpoint to be drawn, before loads are compared: for tests, and to explain. */
export function chances(group: Group, policy: Balance, now: number): readonly number[] {
  const made = plan(group, policy, now);
  const all = made.levels.reduce((sum, { weight }) => sum + weight, 0);
  const result = group.members.map(() => 0);
  for (const { weight, open } of made.levels)
    for (const candidate of open.items)
      result[candidate.index]! += ((weight / all) * candidate.weight) / open.totals.at(-1)!;
  return result;
}

/** Slow starts are followed in so many steps. */
const STEPS = 20;

function plan({ members, levels }: Group, policy: Balance, now: number): Plan {
  const usable = levels.map((level) => level.filter((index) => isUsable(members[index]!, now)));
  const health = usable.map((some, level) => some.length / levels[level]!.length);
  const short = isShort(health);
  const made = shares(health).flatMap((share, level): PlannedLevel[] => {
    if (share === 0) return [];
    const panics = short && (health[level]! < policy.panic || health[level] === 0);
    const indices = panics ? levels[level]! : usable[level]!;
    const items = indices.map((index) => {
      const { weight, since } = members[index]!;
      return { index, weight: weight * ramp(since === 0 ? Infinity : now - since, policy.slowStartMs) };
    });
    return [planned(level, share, items)];
  });
  let until = Infinity;
  for (const { standing, since } of members) {
    if (now < standing.until) until = Math.min(until, standing.until);
    else if (since !== 0 && now - since < policy.slowStartMs) until = Math.min(until, now + policy.slowStartMs / STEPS);
  }
  return { until, levels: made, reach: weigh(made) };
}

/** The plan less what was tried; what can no longer be used comes after what can. Undefined when all was tried. */
function without({ members, levels }: Group, made: Plan, tried: readonly number[]): Omit<Plan, "until"> | undefined {
  const left = made.levels.flatMap(({ level, weight, open }): PlannedLevel[] => {
    const items = open.items.filter(({ index }) => !tried.includes(index));
    return items.length > 0 ? [planned(level, weight, items)] : [];
  });
  if (left.length > 0) return { levels: left, reach: weigh(left) };
  for (const [level, indices] of levels.entries()) {
    const items = indices
      .filter((index) => !tried.includes(index))
      .map((index) => ({ index, weight: members[index]!.weight }));
    if (items.length > 0) {
      const only = [planned(level, 1, items)];
      return { levels: only, reach: weigh(only) };
    }
  }
  return undefined;
}

function planned(level: number, weight: number, items: readonly Candidate[]): PlannedLevel {
  const weightOf: (number | undefined)[] = [];
  for (const candidate of items) weightOf[candidate.index] = candidate.weight;
  return { level, weight, open: weigh(items), weightOf };
}

/** The golden ratio: its multiples, less their whole part, are spread as evenly as can be, however many there are. */
const GOLDEN = 0.618_033_988_749_894_9;

/** In strict turn where all weigh the same; else each as often as its weight says, and never long apart. */
const inTurn = (open: Weighted<Candidate>, turn: number): number =>
  open.even ? turn % open.items.length : position(open, (turn * GOLDEN) % 1);

/**
 * The better of two that are drawn by weight, the first if they are equal (Mitzenmacher 2001). Two different ones where all
 * weigh the same; otherwise the second draw is free too, or a small weight would be compared as often as a large one.
 * An endpoint under a penalty always faces another.
 */
function ofTwo(
  { members }: Group,
  open: Weighted<Candidate>,
  random: () => number,
  badness: (member: Member, now: number) => number,
  now: number,
): number {
  const { items } = open;
  const at = position(open, random());
  const first = items[at]!.index;
  if (items.length === 1) return first;
  let other: number;
  if (open.even) other = (at + 1 + Math.floor(random() * (items.length - 1))) % items.length;
  else {
    other = position(open, random());
    if (other === at && isPenalised(members[first]!, now)) other = (at + 1) % items.length;
  }
  const second = items[other]!.index;
  return badness(members[second]!, now) < badness(members[first]!, now) ? second : first;
}

const load = ({ inFlight }: Member, now: number): number => underWay(inFlight, now);

/** An endpoint of which nothing is known gets one call, and no second before the first has come back. */
function cost({ latency, inFlight }: Member, now: number): number {
  const calls = underWay(inFlight, now);
  return latency ? expectedMs(latency, now) * (calls + 1) : calls * PENALTY_MS;
}

/** Half of a failure's cost is still there. */
const isPenalised = ({ latency }: Member, now: number): boolean =>
  latency !== undefined && expectedMs(latency, now) > PENALTY_MS / 2;

function byKey(
  group: Group,
  bound: number | undefined,
  at: PlannedLevel,
  key: number,
  now: number,
): number | undefined {
  const { members } = group;
  const indices = group.levels[at.level]!;
  const accepts = acceptance(group, bound, at, now);
  const own = indices.map((index) => members[index]!);
  if (indices.length <= MOST_SCORED) {
    const found = rendezvous(key, own, (position) => accepts(indices[position]!));
    return found === undefined ? undefined : indices[found];
  }
  const table = (group.tables[at.level] ??= maglev(own));
  // Where the key's own endpoint cannot take it, the same other one takes it each time.
  for (let salt = 0; salt < own.length; salt++) {
    const hash = salt === 0 ? key : rehash(key, salt);
    const index = indices[table[hash % table.length]!]!;
    if (accepts(index)) return index;
  }
  return undefined;
}

/** Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016), on the loads that this isolate sees. */
function acceptance(
  { members }: Group,
  bound: number | undefined,
  { open, weightOf }: PlannedLevel,
  now: number,
): (index: number) => boolean {
  if (bound === undefined) return (index) => weightOf[index] !== undefined;
  const calls = open.items.reduce((sum, { index }) => sum + load(members[index]!, now), 1);
  const perWeight = (bound * calls) / open.totals.at(-1)!;
  return (index) => {
    const weight = weightOf[index];
    return weight !== undefined && load(members[index]!, now) < Math.max(1, Math.ceil(perWeight * weight));
  };
}
