/** What happens in a run, beside the traffic: drawn from the seed beforehand, so that a failing run can be tried with less of it. */
import { seeded } from "../events.ts";
import { SERVICES, type Service } from "./configuration.ts";
import type { Illness, Weather } from "./weather.ts";

export type Fault =
  | { readonly kind: "cold caches" | "restart control" }
  /** `beside`: two teams at once, each its own. */
  | { readonly kind: "apply"; readonly beside: boolean }
  | { readonly kind: "kill"; readonly edge: number }
  | { readonly kind: "cut off"; readonly edge: number; readonly ms: number }
  | { readonly kind: "at probes"; readonly does: Weather["atProbes"]["does"]; readonly count: number }
  | { readonly kind: "freeze"; readonly edge: number; readonly ms: number }
  | { readonly kind: "reset objects" | "supersede objects"; readonly of: string; readonly ms: number }
  | { readonly kind: "objects"; readonly state: Weather["objects"]; readonly ms: number }
  | {
      readonly kind: "network";
      readonly loss: number;
      readonly duplicates: number;
      readonly slowMs: number;
      readonly ms: number;
    }
  | { readonly kind: "kv"; readonly state: Weather["kv"]; readonly ms: number }
  | { readonly kind: "kv lag"; readonly lagMs: number; readonly ms: number }
  | { readonly kind: "ill"; readonly endpoint: string; readonly illness: Illness; readonly ms: number };

type Planned = { readonly at: number; readonly fault: Fault };

export type Scenario = {
  readonly seed: number;
  readonly edges: number;
  /** 0: clocks are right. */
  readonly unsteadiness: number;
  /** Requests a second, and how much of them goes where. */
  readonly load: Readonly<Record<Service, number>>;
  /** How long callers wait, in milliseconds. */
  readonly patienceMs: number;
  /** Part of the traffic that goes to the first edge, whatever the others get. */
  readonly skew: number;
  /** Faults begin and end within this time; the rest of the run is calm. Milliseconds. */
  readonly stormMs: number;
  readonly calmMs: number;
  readonly plan: readonly Planned[];
};

/** What a run is about: the services that have the traffic, and the faults that are theirs. */
type Focus = {
  readonly load: Partial<Record<Service, readonly [least: number, most: number]>>;
  readonly ill: readonly Service[];
  readonly illnesses: readonly Illness[];
  readonly objects: readonly string[];
  readonly own?: readonly ((between: Between) => Fault)[];
  /** Which part of a storm's usual time it needs, where leases need not lapse in it. */
  readonly storm?: number;
};
type Between = (least: number, most: number) => number;

const FOCUSES: readonly Focus[] = [
  {
    load: { catalog: [8, 16] },
    ill: ["catalog"],
    illnesses: ["dead", "failing", "hanging", "flapping", "slow", "unsteady", "unsteady", "hanging"],
    objects: ["BREAKER"],
    storm: 0.75,
    own: [
      (between) => ({ kind: "at probes", does: "kill the edge", count: Math.ceil(between(0, 4)) }),
      (between) => ({ kind: "at probes", does: "reset the object", count: Math.ceil(between(0, 4)) }),
    ],
  },
  {
    load: { limited: [35, 70] },
    ill: ["limited"],
    illnesses: ["slow", "dead"],
    objects: ["RATE_LIMIT"],
    own: [
      (between) => ({ kind: "cut off", edge: 0, ms: between(3000, 9000) }),
      (between) => ({ kind: "supersede objects", of: "RATE_LIMIT", ms: between(2000, 6000) }),
      () => ({ kind: "reset objects", of: "RATE_LIMIT", ms: 0 }),
    ],
  },
  {
    load: { pay: [3, 8], plain: [2, 5] },
    ill: ["pay", "plain"],
    illnesses: ["lossy", "hanging", "dead", "slow", "failing"],
    objects: ["IDEMPOTENCY"],
    storm: 0.75,
  },
  {
    load: { permits: [8, 20] },
    ill: ["permits"],
    illnesses: ["slow", "hanging"],
    objects: ["CONCURRENCY"],
    storm: 0.75,
  },
  {
    load: { front: [2, 5], leaf: [1, 3] },
    ill: ["leaf", "front"],
    illnesses: ["dead", "failing", "lossy", "slow"],
    objects: [],
    storm: 0.75,
  },
  {
    load: {
      catalog: [1, 4],
      limited: [1, 4],
      pay: [1, 2],
      plain: [1, 2],
      permits: [1, 3],
      front: [1, 2],
      leaf: [1, 2],
    },
    ill: Object.keys(SERVICES) as Service[],
    illnesses: ["dead", "slow", "failing", "lossy", "flapping", "hanging"],
    own: [
      () => ({ kind: "reset objects", of: "COLLECTOR", ms: 0 }),
      (between) => ({ kind: "kv lag", lagMs: between(1000, 90_000), ms: between(5000, 10_000) }),
    ],
    objects: ["CONFIG", "FLEET", "COLLECTOR", "BREAKER", "RATE_LIMIT", "CONCURRENCY", "IDEMPOTENCY"],
    storm: 0.75,
  },
];

/** Most of what can go wrong needs few edges. Of so many seeds one has hundreds; a prime, so that each focus has its turn. */
const CROWDED_EVERY = 199;
const CROWD = 300;

/** Each seed has an emphasis of its own: a run in which everything breaks shows less than one in which a little does. */
export function scenarioOf(seed: number, usualMs: number): Scenario {
  const random = seeded(seed ^ 0x5ce9a210);
  const between: Between = (least, most) => least + random() * (most - least);
  const among = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const focus = FOCUSES[seed % FOCUSES.length]!;
  const stormMs = usualMs * (focus.storm ?? 1);
  const load = {} as Record<Service, number>;
  for (const service of Object.keys(SERVICES) as Service[])
    load[service] = between(...(focus.load[service] ?? ([0.05, 0.3] as const)));
  const someEdge = (): number => Math.floor(random() * 64);
  const ill = (whole: boolean): Fault => {
    const service = among(focus.ill);
    const endpoint = `${service}/${whole ? "*" : Math.floor(random() * SERVICES[service])}`;
    return {
      kind: "ill",
      endpoint,
      illness: among(focus.illnesses),
      ms: between(500, focus.objects[0] === "BREAKER" ? 9000 : 6000),
    };
  };
  const object = (): string => among(focus.objects.length > 0 ? focus.objects : ["COLLECTOR"]);
  const ofProcesses: readonly (() => Fault)[] = [
    () => ({ kind: "kill", edge: someEdge() }),
    () => ({ kind: "freeze", edge: someEdge(), ms: between(50, 9000) }),
    () => ({ kind: "cut off", edge: someEdge(), ms: between(500, 9000) }),
    () => ({ kind: "reset objects", of: object(), ms: 0 }),
    () => ({ kind: "supersede objects", of: object(), ms: between(500, 5000) }),
  ];
  const makes: readonly (() => Fault)[] = [
    ...ofProcesses,
    () => ({ kind: "objects", state: among(["unreachable", "overloaded"] as const), ms: between(200, 6000) }),
    () => ({
      kind: "network",
      loss: random() < 0.5 ? between(0, 0.3) : 0,
      duplicates: random() < 0.5 ? between(0, 0.5) : 0,
      slowMs: random() < 0.5 ? between(0, 500) : 0,
      ms: between(1000, 9000),
    }),
    () => ({ kind: "kv", state: among(["down", "losing writes", "corrupt"] as const), ms: between(500, 8000) }),
    () => ({ kind: "kv lag", lagMs: between(1000, 90_000), ms: between(5000, 15_000) }),
    () => ({ kind: "cold caches" }),
    () => ({ kind: "restart control" }),
    () => ({ kind: "apply", beside: random() < 0.5 }),
    () => ill(false),
    () => ill(true),
    () => ill(true),
  ];
  const plan: Planned[] = [];
  const at = (least: number, most: number, fault: Fault): void =>
    void plan.push({ at: between(least, most) * stormMs, fault });
  // What the run is about happens to it in any case, early enough to be over before the storm is.
  if (random() < 0.9) {
    at(0.05, 0.2, ill(true));
    at(0.3, 0.7, ill(random() < 0.7));
    for (let n = Math.floor(between(0, 4)); n > 0; n--) at(0.1, 0.9, among(ofProcesses)());
  }
  if (focus.own && random() < 0.7) at(0.1, 0.5, among(focus.own)(between));
  const chosen = makes.filter(() => random() < 0.4);
  const extras = chosen.length === 0 ? 0 : Math.floor(between(0, 4) * (stormMs / 12_000));
  for (let n = 0; n < extras; n++) at(0.05, 1, among(chosen)());
  const few = 2 + Math.floor(random() * random() * 14);
  return {
    seed,
    edges: seed % CROWDED_EVERY === CROWDED_EVERY - 1 ? CROWD : few,
    unsteadiness: random() < 0.5 ? 0 : random(),
    load,
    skew: random() < 0.5 ? 0 : random() * 0.8,
    patienceMs: random() < 0.25 ? between(100, 2000) : 10_000,
    stormMs,
    calmMs: 60_000,
    plan: plan.toSorted((a, b) => a.at - b.at),
  };
}
