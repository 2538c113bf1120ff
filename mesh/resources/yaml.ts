/** YAML text -> plain values that know where each of their parts stands. JSON is read too: YAML contains it. */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
} from "yaml";
import type { SourceFile } from "../api.ts";
import type { Location, Problem } from "../problem.ts";

export type Path = readonly PropertyKey[];
/** Where a path of a document stands; the nearest ancestor when the path itself is absent. */
export type Locate = (path: Path) => Location;

/** A document's value, or what is wrong with its YAML. */
export type Parsed =
  | { readonly value: unknown; readonly locate: Locate }
  | { readonly problems: readonly [Problem, ...Problem[]] };

/** Deeper than any resource; what recurses over a value (validation, JSON) needs no other guard, not even against cycles. */
const MAX_DEPTH = 100;

export function parseYaml({ name, text }: SourceFile): Parsed[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    // A tag would change a value's type behind the schema's back.
    resolveKnownTags: false,
    stringKeys: true,
  });
  return documents.map((document): Parsed => {
    const locate = locator(document, lines, name);
    const at = (offset: number, message: string): Problem => {
      const { line, col } = lines.linePos(offset);
      return { severity: "error", code: "yaml-syntax", at: { file: name, line, col }, message };
    };
    // What is only a warning to the parser (an unknown tag or directive) would be silently ignored.
    const [first, ...rest] = document.errors.length > 0 ? document.errors : document.warnings;
    if (first && isOverflow(first.message)) return { problems: [at(first.pos[0], "is nested too deeply")] };
    if (first) {
      const found = (error: typeof first) => at(error.pos[0], error.message.split("\n")[0]!);
      return { problems: [found(first), ...rest.filter(({ message }) => !isOverflow(message)).map(found)] };
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      const { message } = error as Error;
      return { problems: [at(faultyReference(document), message)] };
    }
    const deep = deeperThan(MAX_DEPTH, value, []);
    if (deep) {
      const message = `is nested deeper than ${MAX_DEPTH} levels, or contains itself`;
      return { problems: [{ severity: "error", code: "yaml-syntax", at: locate(deep), message }] };
    }
    return { value, locate };
  });
}

/** The parser reports its own exhausted stack as an error of syntax. */
const isOverflow = (message: string): boolean => /call stack|stack overflow|too much recursion/i.test(message);

/** Where the alias or merge stands that `toJS` could not follow; failing that, the first alias, which then begins too many. */
function faultyReference(document: Document): number {
  let broken: number | undefined;
  let first: number | undefined;
  visit(document, {
    Alias(_key, node) {
      const offset = node.range?.[0];
      first ??= offset;
      if (node.resolve(document) === undefined) broken ??= offset;
    },
    Pair(_key, { key, value }) {
      const source = isAlias(value) ? value.resolve(document) : value;
      if (isScalar(key) && key.source === "<<" && !isCollection(source)) broken ??= key.range?.[0];
    },
  });
  return broken ?? first ?? 0;
}

/** The path of a part of `value` more than `levels` down. */
function deeperThan(levels: number, value: unknown, path: Path): Path | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (levels === 0) return path;
  for (const [key, inner] of Object.entries(value)) {
    const deep = deeperThan(levels - 1, inner, [...path, Array.isArray(value) ? Number(key) : key]);
    if (deep) return deep;
  }
  return undefined;
}

function locator(document: Document, lines: LineCounter, file: string): Locate {
  return (path) => {
    let node: unknown = document.contents;
    // The document's own start, which `range` gives even when it is empty.
    let offset = isNode(node) && node.range ? node.range[0] : (document.range?.[0] ?? 0);
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && isNode(item.key) && String(item.key) === String(part));
        if (!pair) break;
        if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        if (isNode(node) && node.range) offset = node.range[0];
      } else break;
    }
    const { line, col } = lines.linePos(offset);
    return { file, line, col };
  };
}
