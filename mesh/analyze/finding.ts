import type { Named } from "../compile/model.ts";
import type { Problem } from "../problem.ts";
import { type Resource, titleOf } from "../resources/resource.ts";

/** A warning about `item`. */
export const finding = (
  item: Named,
  code: Problem["code"],
  path: string,
  message: string,
  more: Pick<Problem, "fix" | "witness"> = {},
): Problem => ({ severity: "warning", code, resource: titleOf(item as Resource), path, message, ...more });
