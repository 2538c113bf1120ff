/** What an edge tells an operator of one request that it has answered, as the line of JSON that a header carries. */
import type { Failure } from "../candidates.ts";
import type { Policy } from "../snapshot.ts";

export type LiveExplanation = {
  readonly epoch: number;
  readonly hash: string;
  /** The operator who asked. */
  readonly askedBy: string;
  /** As rules and policies saw it. */
  readonly path: string;
  readonly route: string | null;
  readonly rule: string | null;
  /** SPIFFE IDs: who called, and through whom the call came. */
  readonly caller: string | null;
  readonly chain: readonly string[];
  readonly backend: string | null;
  readonly attempts: number;
  readonly hedges: number;
  readonly status: number;
  readonly cause: string | null;
  readonly degraded: string | null;
  /** Rules at whose place the path lies, in the order of trying; the one without a `because` takes the request. */
  readonly considered: readonly LiveCandidate[];
  /** Outermost first; each names the one that it is within. */
  readonly steps: readonly LiveStep[];
  /** What did not fit. */
  readonly omitted: { readonly considered: number; readonly steps: number };
};

export type LiveCandidate = {
  /** The host or service in whose table it stands; the empty host is any. */
  readonly name: string;
  readonly route: string;
  readonly rule: string;
  readonly kind: "exact" | "regex" | "prefix";
  readonly path: string;
  readonly because: Failure | null;
};

/** Times in milliseconds since the request came in. */
export type LiveStep = {
  readonly by: Policy["kind"] | "rule" | "try";
  /** The place in `steps` of the one that it is within; -1 for the first. */
  readonly within: number;
  /** How often it let the call go on. */
  readonly passed: number;
  readonly outcome: string;
  readonly at: number;
  readonly ms: number;
  readonly facts: Readonly<Record<string, unknown>>;
};

/** The most that a response can carry beside everything else in its head: Node's clients take 16 KB of headers in all. */
const LARGEST = 10_000;
const MOST_CONSIDERED = 12;

/** Visible ASCII and spaces. What is too much is left out: of the rules the first ones, of the steps the innermost. */
export function headerOf(all: Omit<LiveExplanation, "omitted">): string {
  let considered = all.considered.slice(-MOST_CONSIDERED);
  let { steps } = all;
  for (;;) {
    const omitted = {
      considered: all.considered.length - considered.length,
      steps: all.steps.length - steps.length,
    };
    const text = ascii(JSON.stringify({ ...all, considered, steps, omitted } satisfies LiveExplanation));
    if (text.length <= LARGEST || considered.length + steps.length === 0) return text;
    if (considered.length > 1 || steps.length === 0) considered = considered.slice(1);
    else steps = steps.slice(0, -1);
  }
}

const ascii = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
