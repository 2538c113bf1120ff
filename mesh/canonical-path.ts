/**
 * One spelling for each path, made before anything is decided: authorization, routing and the upstream see the same text, so that
 * none of them can read it in a way of its own. Escapes of letters that need none are taken back and the rest are in capitals
 * (RFC 3986 §6.2.2); dot segments are gone already, by the URL parser that the runtime has.
 *
 * What is left are paths that one party would read in one way and the next in another: `%2f` is data to one and a slash to the other.
 * They are ambiguous, and a setting says what becomes of them.
 */

/** `keep` is for upstreams that want their callers' own spelling, and refuses NUL alone; nothing is taken back under it either. */
export type AmbiguousPaths = "refuse" | "resolve" | "keep";

const SUSPECT = /%|\/\/|\/\.{1,2};/;

/** Nothing is to be done about nearly every path: one scan, and no copy. */
export const isPlain = (path: string): boolean => !SUSPECT.test(path);

/** Slashes of other spellings, and slashes that a file system would take for one. */
const OTHER_SLASH = /%2f|%5c|\/\//i;
/** No reading of these is safe: control characters, an escape that is escaped once more, a dot segment with a parameter. */
const NEVER = /%[01][0-9a-f]|%7f|%25(?:2e|2f|5c|25|00)|\/(?:\.|%2e){1,2}(?:;|%3b)/i;
const NUL = /%00/;
const ESCAPE = /%([0-9a-f]{2})/gi;
const UNRESERVED = /[\w.~-]/;

/**
 * `path` begins with `/`, is without query, and comes from a URL parser of the WHATWG's. `backslashes` tells that there were some:
 * the parser has made slashes of them. Undefined where the path is refused.
 */
export function canonicalPath(path: string, backslashes: boolean, ambiguous: AmbiguousPaths): string | undefined {
  if (!backslashes && isPlain(path)) return path;
  if (ambiguous === "keep") return NUL.test(path) ? undefined : path;
  // Malformed escapes, and what is no UTF-8: overlong dots, and half a character.
  if (NEVER.test(path) || !isText(path)) return undefined;
  if (!backslashes && !OTHER_SLASH.test(path)) return spelled(path);
  return ambiguous === "resolve" ? spelled(resolved(path)) : undefined;
}

function isText(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

const spelled = (path: string): string =>
  path.replace(ESCAPE, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });

/** Every slash is one, many are one, and the dot segments that come to light are resolved (RFC 3986 §5.2.4). */
function resolved(path: string): string {
  const kept: string[] = [];
  const segments = path.replace(/%2f|%5c/gi, "/").split("/");
  for (const segment of segments) {
    const plain = segment.replace(/%2e/gi, ".");
    if (plain === "..") kept.pop();
    else if (plain !== "" && plain !== ".") kept.push(segment);
  }
  const last = segments.at(-1)!.replace(/%2e/gi, "."); // split gives one segment at the least
  const folder = kept.length > 0 && (last === "" || last === "." || last === "..");
  return `/${kept.join("/")}${folder ? "/" : ""}`;
}
