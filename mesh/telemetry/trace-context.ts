/**
 * W3C Trace Context, Level 2 (https://www.w3.org/TR/trace-context-2/): `traceparent` and `tracestate`, read and written. A list that breaks a rule is
 * given up as a whole, as the specification asks; a `traceparent` that does is as good as none, and takes the list with it.
 */

export const SAMPLED = 1;
/** The last seven bytes of the trace's id are random (Level 2): who samples may go by them. */
export const RANDOM = 2;
/** Other bits mean nothing yet, and go out as 0. */
const KNOWN_FLAGS = SAMPLED | RANDOM;

export type Traceparent = {
  /** 32 digits, lower-case hexadecimal, not all 0. */
  readonly traceId: string;
  /** 16 digits, likewise. */
  readonly parentId: string;
  /** Of the flags above. */
  readonly flags: number;
};

/** One entry of a `tracestate`. */
export type Member = readonly [key: string, value: string];

/** Version, trace, parent, flags, and what later versions may append. A comma is what several headers of the name are joined by. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?$/;
const ZEROS = /^0+$/;

/** Undefined where `text` is not valid: then a new trace begins. Of a later version the part that this one knows is read. */
export function parseTraceparent(text: string): Traceparent | undefined {
  const found = TRACEPARENT.exec(trimmed(text));
  if (!found) return undefined;
  const [, version, traceId = "", parentId = "", flags = "", more] = found;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(parentId)) return undefined;
  return { traceId, parentId, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS };
}

export const formatTraceparent = ({ traceId, parentId, flags }: Traceparent): string =>
  `00-${traceId}-${parentId}-0${flags & KNOWN_FLAGS}`;

const MOST_MEMBERS = 32;
/** What every participant must be able to pass on. */
const MOST_CHARACTERS = 512;
/** Where the list is too long, members longer than this go first. */
const LONG_MEMBER = 128;
/** A simple key, or `tenant@system`; then printable ASCII without comma and equals sign, of which the last is no blank. */
const MEMBER =
  /^([a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])$/;

/**
 * The members in order; several headers are read joined by commas. Of a key that stands twice the first is kept. Undefined where one of them is no
 * member, or where there are more than 32.
 */
export function parseTracestate(text: string): readonly Member[] | undefined {
  const members: Member[] = [];
  let count = 0;
  for (const part of text.split(",")) {
    const member = trimmed(part);
    if (member === "") continue;
    const [, key, value] = MEMBER.exec(member) ?? [];
    if (key === undefined || value === undefined || ++count > MOST_MEMBERS) return undefined;
    if (!members.some(([known]) => known === key)) members.push([key, value]);
  }
  return members;
}

/** `own` first, then the others in their order, as many as the limits let through. */
export function formatTracestate(own: readonly Member[], others: readonly Member[]): string {
  const kept = [...own, ...others.filter(([key]) => !own.some(([mine]) => mine === key))].map(
    ([key, value]) => `${key}=${value}`,
  );
  if (kept.length > MOST_MEMBERS) kept.length = MOST_MEMBERS;
  const isLong = (): boolean => kept.reduce((sum, { length }) => sum + length + 1, -1) > MOST_CHARACTERS;
  for (let last = kept.length - 1; last >= own.length && isLong(); last--)
    if (kept[last]!.length > LONG_MEMBER) kept.splice(last, 1);
  while (kept.length > own.length && isLong()) kept.pop();
  return kept.join(",");
}

/** Optional whitespace of HTTP (RFC 9110 §5.6.3), which some runtimes leave at the ends of a value. */
const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, "");
