import type { RouteRule } from "../../resources/http-route.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/** Without a number of attempts, `retry` means one more. */
export function retryLayer(rule: RouteRule): Policy[] {
  const { attempts = 1, codes = [], backoff = "0s" } = rule.retry ?? { attempts: 0 };
  const backoffMs = Math.min(milliseconds(backoff), LONGEST_TIMER_MS / 15);
  return attempts > 0 ? [{ kind: "retry", codes, attempts, ...(backoffMs > 0 && { backoffMs }) }] : [];
}
