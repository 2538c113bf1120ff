/** Which requests have a line in the access log: a condition of AuthorizationPolicies, that knows the answer as well. */
import { type Circumstances, problemOf, REQUESTS } from "./condition.ts";

export type Answered = Circumstances & {
  readonly response: {
    readonly status: number;
    /** Of a denial; empty where an upstream answered. */
    readonly cause: string;
    /** Milliseconds to its headers. */
    readonly durationMs: number;
  };
};

export type LogFilter = {
  /** True also where it cannot be decided, as of a header that is missing: what is asked for must not be lost. */
  readonly admits: (answered: Answered) => boolean;
  readonly readsHeaders: boolean;
};

const environment = REQUESTS.clone().registerVariable("response", {
  schema: { status: "int", cause: "string", durationMs: "int" },
});

/** `text` has no problem. */
export function logFilter(text: string): LogFilter {
  const evaluate = environment.parse(text);
  return {
    admits: ({ response: { status, cause, durationMs }, ...rest }) => {
      try {
        // Whole numbers are of 64 bits in CEL.
        const response = { status: BigInt(status), cause, durationMs: BigInt(Math.round(durationMs)) };
        return evaluate({ ...rest, response }) !== false;
      } catch {
        return true;
      }
    },
    readsHeaders: text.includes("headers"),
  };
}

/** Why `text` is no filter, with the line and column in it, or undefined if it is one. */
export const logFilterProblem = (text: string): string | undefined =>
  problemOf(environment, text, ["bool"], "true or false");
