/** A text that a regular expression matches: what a witness shows of it. */
import { RE2JS } from "@bufbuild/re2";

/** Operations of an RE2 program that take no character (Go's regexp/syntax numbers them so); those from 8 on take one. */
const [ALT, ALT_MATCH, FAIL, MATCH, FIRST_TAKING] = [1, 2, 5, 6, 8];
/** What reads best, where an expression leaves it open. */
const LIKED = ["x", "0", "a", "X", "/", "-"];

/**
 * A shortest text of those that begin with `first`, or undefined where none is found: an assertion such as `\b` may ask for more
 * than the shortest has.
 */
export function sample(text: string, first = ""): string | undefined {
  const compiled = RE2JS.compile(text);
  const { inst, start } = compiled.re2().prog;
  const seen = new Set<string>();
  let front = [{ at: start, before: "" }];
  while (front.length > 0) {
    const longer: typeof front = [];
    // Grows while it is walked: what takes no character is followed in the same round.
    for (const { at, before } of front) {
      const key = `${at} ${before === ""}`;
      const { op, out, arg, runes } = inst[at]!;
      if (seen.has(key) || op === FAIL) continue;
      seen.add(key);
      if (op === MATCH) {
        if (before.startsWith(first) && compiled.matches(before)) return before;
      } else if (op >= FIRST_TAKING!) {
        const wanted = before === "" && first !== "" ? [first] : LIKED;
        const liked = wanted.find((one) => inst[at]!.matchRune(one.codePointAt(0)!));
        if (liked !== undefined || wanted === LIKED)
          longer.push({ at: out, before: before + (liked ?? String.fromCodePoint(runes[0]!)) });
      } else {
        front.push({ at: out, before });
        if (op === ALT || op === ALT_MATCH) front.push({ at: arg, before });
      }
    }
    front = longer;
  }
  return undefined;
}
