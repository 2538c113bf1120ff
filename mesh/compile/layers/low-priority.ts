import type { Policy } from "../../snapshot.ts";
import type { Policies, Target } from "../policies.ts";

export const lowPriorityLayer = (policies: Policies, targets: readonly Target[]): Policy[] =>
  policies.section(targets, "priority")?.value === "Low" ? [{ kind: "low-priority" }] : [];
