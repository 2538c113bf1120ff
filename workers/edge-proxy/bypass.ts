import { holds, isKept } from "../../mesh/bypass.ts";
import type { Policy } from "../../mesh/snapshot.ts";
import type { Handler } from "./layer.ts";

/** The whole stack, and while a bypass holds what it leaves of it: both are built once, and one is taken for each call. */
export function bypassed(policies: readonly Policy[], build: (policies: readonly Policy[]) => Handler): Handler {
  const bypass = policies.find((one) => one.kind === "bypass");
  if (!bypass) return build(policies);
  const [whole, rest] = [build(policies), build(policies.filter(isKept))];
  return (call) => {
    if (!holds(bypass, call.outside.now())) return whole(call);
    call.bypassed = true;
    return rest(call);
  };
}
