/** What is written down of a request that an operator asked about, while it runs. */
import type { Pointer } from "../../mesh/api.ts";
import type { LiveCandidate, LiveStep } from "../../mesh/explain/live.ts";

/** Mutable until the request is answered. Times in milliseconds since 1970; on the platform they move only after I/O. */
export type Step = {
  readonly by: LiveStep["by"];
  /** The place in `all` of the step that this one is within; -1 for the first. */
  readonly within: number;
  readonly began: number;
  /** Undefined while it is under way. */
  ended: number | undefined;
  /** How often it let the call go on. */
  passed: number;
  outcome: string;
  readonly facts: Record<string, unknown>;
  readonly all: Step[];
};

export type Explaining = {
  /** The operator's name. */
  readonly by: string;
  readonly pinned: Pointer;
  readonly root: Step;
  considered: readonly LiveCandidate[];
};

export function beginExplaining(by: string, pinned: Pointer, now: number): Explaining {
  return { by, pinned, root: beginStep([], "rule", -1, now), considered: [] };
}

export function beginStep(all: Step[], by: Step["by"], within: number, began: number): Step {
  const step: Step = { by, within, began, ended: undefined, passed: 0, outcome: "", facts: {}, all };
  all.push(step);
  return step;
}
