import type { Telemetry } from "../../mesh/policies/telemetry.ts";
import type { Rule } from "../../mesh/snapshot.ts";
import type { Call } from "./layer.ts";

/** What is known of a request when it is answered: of one that was refused early, little. */
export type Seen = {
  readonly request: Request;
  /** Milliseconds since 1970. */
  readonly began: number;
  rule: Rule | undefined;
  call: Call | undefined;
  telemetry: Telemetry | undefined;
};
