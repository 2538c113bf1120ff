/** What operators are to know of decisions that callers are not told the reasons of. */
import type { Call } from "./layer.ts";
import { remember } from "./memory.ts";

/** One line a second for each key: callers must not be able to fill a log. */
const LOG_EVERY_MS = 1000;

/** Counted, and written to the log as JSON: how often since the last line, with the newest call as the example. */
export function tell(call: Call, subject: "authorization" | "rateLimit", key: string, finding: object): void {
  const { request, path, host, client, identity, outside } = call;
  const { findings } = outside.memory;
  const now = outside.now();
  const { count, loggedAt } = findings.get(key) ?? { count: 0, loggedAt: 0 };
  const due = now - loggedAt >= LOG_EVERY_MS;
  remember(findings, key, due ? { count: 0, loggedAt: now } : { count: count + 1, loggedAt });
  if (!due) return;
  const example = { method: request.method, host, path, client, caller: identity?.spiffe ?? "" };
  console.log(JSON.stringify({ [subject]: { ...finding, count: count + 1 }, ...example }));
}
