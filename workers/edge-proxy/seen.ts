import type { Telemetry } from "../../mesh/policies/telemetry.ts";
import type { Rule } from "../../mesh/snapshot.ts";
import type { Explaining } from "./step.ts";
import type { Call, Outside } from "./layer.ts";

/** What is known of a request when it is answered: of one that was refused early, little. */
export type Seen = {
  readonly request: Request;
  readonly url: URL;
  /** Milliseconds since 1970. */
  readonly began: number;
  rule: Rule | undefined;
  call: Call | undefined;
  telemetry: Telemetry | undefined;
  log: AccessLogger | undefined;
  /** Where an operator asked why. */
  explaining: Explaining | undefined;
};

/** Has a line written, later, for a request that was answered. */
export type AccessLogger = (seen: Seen, call: Call, cause: string, response: Response, outside: Outside) => void;
