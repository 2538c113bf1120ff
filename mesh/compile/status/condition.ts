import { generationOf } from "../../resources/resource.ts";

/** As Kubernetes writes one. Without `lastTransitionTime`: status is computed from an epoch, and remembers no earlier one. */
export type Condition = {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
};

export type Judge = (type: string, holds: boolean | "Unknown", reason: string, message?: string) => Condition;

/** Writes conditions about one resource, which all have seen its generation. */
export function judge(item: Parameters<typeof generationOf>[0]): Judge {
  const observedGeneration = generationOf(item);
  return (type, holds, reason, message = "") => ({
    type,
    status: holds === "Unknown" ? holds : holds ? "True" : "False",
    reason,
    message,
    observedGeneration,
  });
}

export const isTrue = (conditions: readonly Condition[], type: string): boolean =>
  conditions.some((one) => one.type === type && one.status === "True");
