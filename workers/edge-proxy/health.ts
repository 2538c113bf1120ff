/**
 * What active health checks say of a backend's endpoints, as its object last told this isolate. The object is asked beside
 * requests, once an interval while there are any; a request never waits for it.
 */
import { type HealthCheck, holdMs } from "../../mesh/policies/health-check.ts";
import type { Call } from "./layer.ts";
import { type HealthView, remember } from "./memory.ts";
import { within } from "./within.ts";

/** No request waits for it, and waking an object takes longer than asking it. */
const ASK_MS = 2000;

const NONE: ReadonlySet<string> = new Set();

/** The addresses that fail; the same set until there is news. */
export function failing(call: Call, check: HealthCheck, addresses: readonly string[]): ReadonlySet<string> {
  const { memory, now: clock, later } = call.outside;
  const now = clock();
  const view =
    memory.health.get(check.object) ??
    remember(memory.health, check.object, { failing: NONE, until: 0, askAt: 0, missed: false });
  if (now >= view.askAt) {
    // Whoever asks may be cut off with its request: the next one asks an interval later.
    view.askAt = now + check.intervalMs;
    later(askObject(call, view, check, addresses));
  }
  if (now < view.until) return view.failing;
  view.failing = NONE;
  if (view.missed) call.standIn = "health-check";
  return NONE;
}

async function askObject(
  { outside, pinned }: Call,
  view: HealthView,
  check: HealthCheck,
  addresses: readonly string[],
): Promise<void> {
  const asking = async () => outside.health(check.object).ask({ epoch: pinned.epoch, check, addresses });
  const reply = await within(asking(), ASK_MS).catch(() => undefined);
  view.missed = !reply;
  if (!reply) return;
  outside.heard(reply.epoch);
  view.until = outside.now() + holdMs(check);
  const same =
    reply.failing.length === view.failing.size && reply.failing.every((address) => view.failing.has(address));
  if (!same) view.failing = new Set(reply.failing);
}
