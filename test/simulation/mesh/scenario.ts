/** What happens in a run, beside the traffic: drawn from the seed beforehand, so that a failing run can be tried with less of it. */
import { seeded } from "../events.ts";
import { SERVICES, type Service } from "./configuration.ts";
import type { Illness, Weather } from "./weather.ts";

export type Fault =
  | { readonly kind: "cold caches" | "restart control" | "apply" }
  | { readonly kind: "kill"; readonly edge: number }
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
  /** Faults begin and end within this time; the rest of the run is calm. Milliseconds. */
  readonly stormMs: number;
  readonly calmMs: number;
  readonly plan: readonly Planned[];
};

const OBJECTS = ["BREAKER", "RATE_LIMIT", "CONCURRENCY", "IDEMPOTENCY", "CONFIG", "FLEET", "COLLECTOR"] as const;
const ILLNESSES: readonly Illness[] = ["dead", "slow", "failing", "lossy", "flapping", "hanging"];

/** Each seed has an emphasis of its own: a run in which everything breaks shows less than one in which a little does. */
export function scenarioOf(seed: number, stormMs: number): Scenario {
  const random = seeded(seed ^ 0x5ce9a210);
  const between = (least: number, most: number): number => least + random() * (most - least);
  const among = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const load = {} as Record<Service, number>;
  for (const service of Object.keys(SERVICES) as Service[])
    load[service] = random() < 0.7 ? between(0.1, 0.4) : between(0.5, 2.5);
  if (random() < 0.4) load.limited = between(5, 25);
  const makes: (() => Fault)[] = [
    () => ({ kind: "kill", edge: Math.floor(random() * 64) }),
    () => ({ kind: "freeze", edge: Math.floor(random() * 64), ms: between(50, 15_000) }),
    () => ({ kind: "reset objects", of: among(OBJECTS), ms: 0 }),
    () => ({ kind: "supersede objects", of: among(OBJECTS), ms: between(500, 5000) }),
    () => ({ kind: "objects", state: among(["unreachable", "overloaded"] as const), ms: between(200, 10_000) }),
    () => ({
      kind: "network",
      loss: random() < 0.5 ? between(0, 0.3) : 0,
      duplicates: random() < 0.5 ? between(0, 0.5) : 0,
      slowMs: random() < 0.5 ? between(0, 1000) : 0,
      ms: between(1000, 15_000),
    }),
    () => ({ kind: "kv", state: among(["down", "losing writes", "corrupt"] as const), ms: between(500, 10_000) }),
    () => ({ kind: "kv lag", lagMs: between(1000, 90_000), ms: between(5000, 30_000) }),
    () => ({ kind: "cold caches" }),
    () => ({ kind: "restart control" }),
    () => {
      const service = among(Object.keys(SERVICES) as Service[]);
      const endpoint = `${service}/${Math.floor(random() * SERVICES[service])}`;
      return { kind: "ill", endpoint, illness: among(ILLNESSES), ms: between(500, 12_000) };
    },
    () => {
      // The whole service.
      const service = among(["catalog", "leaf", "pay"] as const);
      return { kind: "ill", endpoint: `${service}/*`, illness: among(ILLNESSES), ms: between(2000, 12_000) };
    },
    () => ({ kind: "apply" }),
  ];
  const chosen = makes.filter(() => random() < 0.45);
  const plan: Planned[] = [{ at: between(2000, stormMs * 0.8), fault: { kind: "apply" } }];
  const count = chosen.length === 0 ? 0 : Math.floor(between(1, 3) * (stormMs / 5000));
  for (let n = 0; n < count; n++) plan.push({ at: between(1000, stormMs), fault: among(chosen)() });
  return {
    seed,
    edges: random() < 0.8 ? 2 + Math.floor(random() * 3) : 5 + Math.floor(random() * 12),
    unsteadiness: random() < 0.5 ? 0 : random(),
    load,
    patienceMs: random() < 0.3 ? between(100, 2000) : 10_000,
    stormMs,
    calmMs: 42_000,
    plan: plan.toSorted((a, b) => a.at - b.at),
  };
}
