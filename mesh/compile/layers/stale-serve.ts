import type { StaleServe } from "../../policies/stale-serve.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Found, Policies, Target } from "../policies.ts";

/** It stands at the rule, so that what one of its backends answered can stand in for another. `scope` names the rule. */
export function staleServeLayer(policies: Policies, targets: readonly Target[], scope: string): Policy[] {
  const section = policies.section(targets, "staleServe")?.value;
  if (!section) return [];
  const { maxStale, maxBytes, collapse, callerHeaders } = section;
  const named = ["authorization", "cookie", ...callerHeaders.map((name) => name.toLowerCase())];
  return [
    {
      kind: "stale-serve",
      scope,
      maxStaleMs: milliseconds(maxStale),
      maxBytes,
      collapse: COLLAPSE[collapse],
      callerHeaders: [...new Set(named)],
    },
  ];
}

const COLLAPSE: Readonly<Record<Found<"staleServe">["value"]["collapse"], StaleServe["collapse"]>> = {
  Never: "never",
  WhileFailing: "failing",
  Always: "always",
};
