import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

/** Of the most specific of `targets` that has one. */
export function bypassLayer(policies: Policies, targets: readonly Target[]): Policy[] {
  const found = policies.section(targets, "bypass");
  return found ? [{ kind: "bypass", until: Date.parse(found.value.until) }] : [];
}

/** A rule's: its own; or, where all that it leads to is bypassed, as long as all of it is. */
export function ruleBypass(policies: Policies, targets: readonly Target[], leadsTo: readonly Target[]): Policy[] {
  const own = bypassLayer(policies, targets);
  if (own.length > 0 || leadsTo.length === 0) return own;
  const theirs = leadsTo.flatMap((target) => policies.section([target], "bypass") ?? []);
  if (theirs.length < leadsTo.length) return [];
  return [{ kind: "bypass", until: Math.min(...theirs.map(({ value }) => Date.parse(value.until))) }];
}
