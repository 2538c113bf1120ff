/**
 * Paths of an AuthorizationPolicy as Istio has them: a pattern of text, or a template in which `{*}` is one whole segment and
 * `{**}` any number of characters, slashes among them. Matching takes one pass, whatever the caller sends.
 */
import { type Fits, textPattern } from "./text-pattern.ts";

export function pathPattern(pattern: string): Fits {
  return isTemplate(pattern) ? template(pattern) : textPattern(pattern);
}

const isTemplate = (pattern: string): boolean => pattern.includes("{");

/** Why `pattern` is no path, or undefined if it is one. */
export function pathProblem(pattern: string): string | undefined {
  if (!isTemplate(pattern)) {
    if (pattern.startsWith("/") || pattern.startsWith("*")) return undefined;
    return "must begin with / or *";
  }
  if (!pattern.startsWith("/")) return "a template must begin with /";
  const segments = pattern.split("/");
  const odd = segments.find((segment) => /[{}]/.test(segment) && segment !== "{*}" && segment !== "{**}");
  if (odd !== undefined) return `${odd} must be {*} or {**}, alone in its segment`;
  if (pattern.replaceAll("{*}", "").replaceAll("{**}", "").includes("*"))
    return "a template has no * outside {*} and {**}";
  const rest = segments.indexOf("{**}");
  if (rest >= 0 && segments.slice(rest + 1).some((segment) => segment.startsWith("{")))
    return "nothing but text may follow {**}";
  return undefined;
}

/** `pattern` has no problem: at most one `{**}`, which is its last operator. */
function template(pattern: string): Fits {
  const [head = "", tail] = pattern.split("{**}");
  const literals = head.split("{*}");
  return (path) => {
    const [first = "", ...others] = literals;
    if (!path.startsWith(first)) return false;
    let at = first.length;
    for (const literal of others) {
      const slash = path.indexOf("/", at);
      const end = slash < 0 ? path.length : slash;
      if (end === at || !path.startsWith(literal, end)) return false;
      at = end + literal.length;
    }
    return tail === undefined ? at === path.length : path.length - at >= tail.length && path.endsWith(tail);
  };
}
