/**
 * Regular expressions in RE2's syntax, which match in time linear in the text: callers choose the text, and an engine that
 * backtracks would let one of them hold up an isolate for seconds. docs/decisions/008-regular-expressions.md.
 */
import { RE2JS } from "@bufbuild/re2";

export type Pattern = { readonly matches: (text: string) => boolean };

/** Each character of a text costs up to this many steps: at most about 10 ms for the longest path that the runtime takes. */
const MAX_INSTRUCTIONS = 500;

/** A match is of the whole text. Throws an Error that says what is wrong with the expression, or that it is too large. */
export function pattern(text: string): Pattern {
  const compiled = RE2JS.compile(text);
  const size = compiled.re2().prog.numInst();
  if (size > MAX_INSTRUCTIONS) throw new Error(`compiles to ${size} steps, more than ${MAX_INSTRUCTIONS}`);
  return compiled;
}

/** Why `text` is no pattern, or undefined if it is one. */
export function patternProblem(text: string): string | undefined {
  try {
    pattern(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The folder in which every path lies that a valid pattern matches, without its last slash: `/v1` of `/v1/user-[0-9]+`. */
export function folderOf(text: string): string {
  const { prefix } = RE2JS.compile(unanchored(text)).re2();
  return prefix.startsWith("/") ? prefix.slice(0, prefix.lastIndexOf("/")) : "";
}

/** A whole text is matched anyway; the anchor would only hide the literal behind it. With an alternative it may be one branch's own. */
const unanchored = (text: string): string =>
  text.startsWith("^") && !text.includes("|") && patternProblem(text.slice(1)) === undefined ? text.slice(1) : text;
