/** Whether a mirror answers as the primary does: status, chosen headers, and JSON bodies apart from what differs by nature. */

export type MirrorCompare = {
  /** What is counted together: the rule, `namespace/route/rule`. */
  readonly rule: string;
  /** In lower case. */
  readonly headers: readonly string[];
  /** Parts of bodies that are not compared, each a JSON Pointer (RFC 6901) in which `*` stands for any one name or index. */
  readonly ignore: readonly string[];
  /** A larger body is not compared. */
  readonly maxBytes: number;
};

/** An answer, as far as it is compared. */
export type Heard = {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly body:
    | { readonly kind: "json"; readonly value: unknown }
    /** No JSON: there is nothing to compare by parts. */
    | { readonly kind: "other" }
    /** JSON that is too large, broke off or cannot be read. */
    | { readonly kind: "unread" };
};

/** `at` is `status`, `header <name>`, `kind of body`, `body`, or a JSON Pointer into the body. */
export type Difference = { readonly at: string; readonly primary: string; readonly mirror: string };

export type Compared = {
  /** The first few. */
  readonly differences: readonly Difference[];
  /** False when a body was there that could not be compared. */
  readonly whole: boolean;
};

/** Of one answer; an operator looks at a few. */
const MOST_DIFFERENCES = 10;
/** Of a value, in characters. */
const LONGEST_VALUE = 80;

export function compared({ headers, ignore }: MirrorCompare, primary: Heard, mirror: Heard): Compared {
  const differences: Difference[] = [];
  const differ = (at: string, one: unknown, other: unknown): void => {
    if (differences.length < MOST_DIFFERENCES) differences.push({ at, primary: shown(one), mirror: shown(other) });
  };
  if (primary.status !== mirror.status) differ("status", primary.status, mirror.status);
  for (const name of headers) {
    const [one, other] = [primary.header(name), mirror.header(name)];
    if (one !== other) differ(`header ${name}`, one ?? undefined, other ?? undefined);
  }
  const [one, other] = [primary.body, mirror.body];
  const whole = one.kind !== "unread" && other.kind !== "unread";
  if (one.kind === "json" && other.kind === "json") compareJson(one.value, other.value, ignore, differ);
  else if (whole && one.kind !== other.kind) differ("kind of body", kindOf(one), kindOf(other));
  return { differences, whole };
}

const kindOf = ({ kind }: Heard["body"]): string => (kind === "json" ? "JSON" : "not JSON");

type Pair = { readonly path: readonly string[]; readonly one: unknown; readonly other: unknown };

/** Without recursion: how deep a body is, is its sender's to say. */
function compareJson(
  one: unknown,
  other: unknown,
  ignore: readonly string[],
  differ: (at: string, one: unknown, other: unknown) => void,
): void {
  const ignored = ignore.map(segmentsOf);
  const pairs: Pair[] = [{ path: [], one, other }];
  for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
    const { path } = pair;
    if (pair.one === pair.other || ignored.some((pattern) => fits(pattern, path))) continue;
    if (!isComposite(pair.one) || !isComposite(pair.other) || Array.isArray(pair.one) !== Array.isArray(pair.other)) {
      differ(pointerOf(path), pair.one, pair.other);
      continue;
    }
    const [ones, others] = [pair.one, pair.other];
    const names = new Set([...Object.keys(ones), ...Object.keys(others)]);
    // The last one in is the first one out, and differences are told in the order of the body.
    for (const name of [...names].toReversed())
      pairs.push({ path: [...path, name], one: own(ones, name), other: own(others, name) });
  }
}

type Composite = Readonly<Record<string, unknown>>;

const isComposite = (value: unknown): value is Composite => typeof value === "object" && value !== null;

/** Undefined for what is not there, which no JSON value is. */
const own = (value: Composite, name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);

const fits = (pattern: readonly string[], path: readonly string[]): boolean =>
  pattern.length === path.length && pattern.every((segment, index) => segment === "*" || segment === path[index]);

/** RFC 6901 §4: `~1` is a slash, and `~0` a tilde. */
const segmentsOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));

const pointerOf = (path: readonly string[]): string =>
  path.length === 0
    ? "body"
    : path.map((segment) => `/${segment.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

function shown(value: unknown): string {
  if (value === undefined) return "absent";
  // Of what has parts, only that it has them: they can be many, and deep.
  const text = Array.isArray(value) ? "[…]" : isComposite(value) ? "{…}" : JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
