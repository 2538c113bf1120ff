/**
 * Conditions and quantities in CEL (https://cel.dev). Cost is bounded before a request ever comes: an expression has so many nodes, goes through
 * lists without nesting, and matches regular expressions in RE2's syntax only. `matches` would run JavaScript's own engine, which
 * a caller's text can hold up for seconds, so that it is refused and `re2(text, pattern)` stands in its place.
 */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { type Pattern, pattern, patternProblem } from "../pattern.ts";

/** What a condition can ask about. Absent members are empty text: CEL has no undefined. */
export type Circumstances = {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly host: string;
    /** Names in lower case. Left empty for a condition that does not mention them. */
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly source: {
    readonly principal: string;
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly ip: string;
    readonly chain: readonly string[];
  };
  readonly claims: Readonly<Record<string, unknown>>;
};

export type Condition = {
  /** Throws where the condition cannot be decided: a claim that is missing, texts compared with numbers. */
  readonly holds: (circumstances: Circumstances) => boolean;
  readonly readsHeaders: boolean;
};

export type Quantity = {
  /** Throws where it cannot be computed, and NaN for what is no number. */
  readonly of: (circumstances: Circumstances) => number;
  readonly readsHeaders: boolean;
};

const MAX_NODES = 200;
const ITERATIONS = new Set(["all", "exists", "exists_one", "map", "filter"]);

const patterns = new Map<string, Pattern>();

/** What every expression can ask about. Others add to a copy of it. */
export const REQUESTS = new Environment({
  limits: { maxAstNodes: MAX_NODES, maxDepth: 32, maxListElements: 64, maxMapEntries: 16, maxCallArguments: 8 },
  homogeneousAggregateLiterals: false,
})
  .registerVariable("request", {
    schema: { method: "string", path: "string", host: "string", headers: "map<string, string>" },
  })
  .registerVariable("source", {
    schema: { principal: "string", namespace: "string", serviceAccount: "string", ip: "string", chain: "list<string>" },
  })
  .registerVariable("claims", "map<string, dyn>")
  .registerFunction("re2(string, string): bool", (text: string, regex: string) => compiled(regex).matches(text));

/** `text` has no problem. */
export function condition(text: string): Condition {
  const evaluate = REQUESTS.parse(text);
  return {
    holds: (circumstances) => evaluate(circumstances) === true,
    readsHeaders: text.includes("headers"),
  };
}

/** `text` has no problem. */
export function quantity(text: string): Quantity {
  const evaluate = REQUESTS.parse(text);
  return {
    // Whole numbers are of 64 bits in CEL.
    of: (circumstances) => {
      const value: unknown = evaluate(circumstances);
      return typeof value === "number" || typeof value === "bigint" ? Number(value) : NaN;
    },
    readsHeaders: text.includes("headers"),
  };
}

/** Why `text` is no condition, with the line and column in it, or undefined if it is one. */
export const conditionProblem = (text: string): string | undefined =>
  problemOf(REQUESTS, text, ["bool"], "true or false");

/** The same of a quantity. */
export const quantityProblem = (text: string): string | undefined =>
  problemOf(REQUESTS, text, ["int", "double"], "a number");

/** Why `text` is no expression of one of `types`, or costs more than is bounded. `kind` says what it must be. */
export function problemOf(
  environment: Environment,
  text: string,
  types: readonly string[],
  kind: string,
): string | undefined {
  try {
    const parsed = environment.parse(text);
    const { valid, type, error } = parsed.check();
    if (!valid) return at(text, error?.range?.start, error?.summary ?? "is no condition");
    if (type !== undefined && type !== "dyn" && !types.includes(type)) return `must be ${kind}, and is of type ${type}`;
    return costProblem(text, parsed.ast, false);
  } catch (error) {
    const { summary, message, range } = error as Error & { summary?: string; range?: { start: number } };
    return at(text, range?.start, summary ?? message);
  }
}

function costProblem(text: string, node: ASTNode, inside: boolean): string | undefined {
  if (node.op === "call" && node.args[0] === "re2") {
    const regex = node.args[1][1];
    if (regex?.op !== "value" || typeof regex.args !== "string")
      return at(text, node.start, "the pattern of re2 must be written out");
    const problem = patternProblem(regex.args);
    if (problem !== undefined) return at(text, regex.start, `${regex.args}: ${problem}`);
    if (inside) return at(text, node.start, "re2 must not stand within an iteration");
  }
  const method = node.op === "rcall" ? node.args[0] : undefined;
  if (method === "matches")
    return at(text, node.start, "matches is not carried: write re2(text, 'pattern'), of the whole text");
  const iterates = method !== undefined && ITERATIONS.has(method);
  if (iterates && inside) return at(text, node.start, `${method} must not stand within another iteration`);
  for (const child of childrenOf(node.args)) {
    const problem = costProblem(text, child, inside || iterates);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function* childrenOf(args: unknown): Iterable<ASTNode> {
  if (Array.isArray(args)) for (const arg of args) yield* childrenOf(arg);
  else if (typeof args === "object" && args !== null && "op" in args) yield args as ASTNode;
}

function at(text: string, offset: number | undefined, message: string): string {
  const before = text.slice(0, offset ?? 0).split("\n");
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1} in it: ${message}`;
}

function compiled(regex: string): Pattern {
  const known = patterns.get(regex) ?? pattern(regex);
  patterns.set(regex, known);
  return known;
}
