/**
 * Which share of the traffic each level of endpoints gets (Envoy's priority levels). A level whose endpoints are mostly well
 * carries all of it, since there is spare capacity; below that, what it cannot carry goes to the next.
 */

/** Envoy's overprovisioning factor: five of seven endpoints still carry everything. */
const OVERPROVISIONING = 1.4;

/**
 * `health[i]` is the share of level i's endpoints that can be used, 0 to 1. The shares add up to 1; where nothing is well
 * anywhere, the first level gets everything.
 */
export function shares(health: readonly number[]): number[] {
  const able = health.map(abilityOf);
  const total = Math.min(1, sum(able));
  if (total === 0) return health.map((_, level) => (level === 0 ? 1 : 0));
  let left = 1;
  return able.map((ability) => {
    const share = Math.min(left, ability / total);
    left = Math.max(0, left - share);
    return share;
  });
}

/** Whether the levels together cannot carry the traffic: then a level that is mostly ill is used whole, health aside. */
export const isShort = (health: readonly number[]): boolean => sum(health.map(abilityOf)) < 1;

const abilityOf = (health: number): number => Math.min(1, health * OVERPROVISIONING);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
