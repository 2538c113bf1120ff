import type { Fault } from "../../policies/fault.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/**
 * The faults beneath the retries, and above them what watches what callers see of it. The budget is a circuit that nobody probes:
 * once it has opened, the faults are over, in the whole fleet. A new `expires` makes a new one.
 */
export function faultLayers(policies: Policies, targets: readonly Target[]): Policy[] {
  const found = policies.section(targets, "fault");
  if (!found) return [];
  const { expires, match, delay, abort, reset, bandwidth, truncate, errorBudget } = found.value;
  const fault: Fault = {
    until: Date.parse(expires),
    headers: match.headers.map(({ name, value }) => ({ name: name.toLowerCase(), value })),
    ...(match.callers && { callers: match.callers }),
    ...(delay && { delay: { share: delay.percent / 100, ms: Math.min(milliseconds(delay.for), LONGEST_TIMER_MS) } }),
    ...(abort && { abort: { share: abort.percent / 100, status: abort.status } }),
    ...(reset && { reset: { share: reset.percent / 100 } }),
    ...(bandwidth && { bandwidth: { share: bandwidth.percent / 100, bytesPerSecond: bandwidth.bytesPerSecond } }),
    ...(truncate && { truncate: { share: truncate.percent / 100, afterBytes: truncate.afterBytes } }),
  };
  return [
    {
      kind: "fault-budget",
      circuit: `faults of ${found.policy} until ${expires}`,
      failures: errorBudget.failures,
      failureRatio: errorBudget.percent / 100,
      windowMs: milliseconds(errorBudget.window),
      openMs: FOR_EVER_MS,
      maxOpenMs: FOR_EVER_MS,
      probes: 1,
    },
    { kind: "fault", ...fault },
  ];
}

const FOR_EVER_MS = 10 * 365 * 86_400_000;
