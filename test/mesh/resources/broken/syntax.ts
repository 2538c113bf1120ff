import { backend, type Broken, fine } from "./broken.ts";

const S = "yaml-syntax ";

export const syntax: readonly Broken[] = [
  ["a tab as indentation", "spec:\n‸\ta: 1", S],
  ["a child outside its parent's column", "a:\n    b: 1\n‸  c: 2", S],
  ["a key that stands twice", "kind: Backend\n‸kind: Backend", S],
  ["a key that stands twice, once in quotes", 'a: 1\n‸"a": 2', S],
  ["a key that stands twice deep down", "spec:\n  a: {b: 1, ‸b: 2}", S],
  ["a single quote left open", "kind: 'Backend‸", S],
  ["a double quote left open", 'kind: "Backend‸', S],
  ["an escape that YAML does not know", 'kind: "a‸\\qb"', S],
  ["a list left open", "spec: [1, 2‸", S],
  ["a map left open", "spec: {a: 1‸", S],
  ["a list closed twice", "spec: [1]‸]", S],
  ["a map closed twice", "spec: {a: 1}‸}", S],
  ["a list closed as a map", "spec: [1‸}", S],
  ["two values on one line", "kind: ‸a: b", S],
  ["a value that begins with @", "kind: ‸@a", S],
  ["a value that begins with a backquote", "kind: ‸`a`", S],
  ["a value that begins with a percent sign", "kind: ‸%a", S],
  ["two commas in a row", "spec: {a: 1,‸, b: 2}", S],
  ["text after a closed map", "{a: 1} ‸x", S],
  ["an alias without its anchor", "kind: Backend\nspec: ‸*nowhere", S],
  ["an alias that stands before its anchor", "a: ‸*x\nb: &x 1", S],
  ["an anchor without a name", "kind: ‸& Backend", S],
  ["two anchors on one value", "kind: &a ‸&b Backend", S],
  ["an anchor that contains itself", "a: &a\n  - ‸*a", S],
  ["a bomb of aliases", bomb(), S],
  ["a merge of what is no map", "kind: Backend\n‸<<: 5", S],
  ["a merge of an alias to a scalar", "a: &x 1\nb:\n  ‸<<: *x", S],
  ["a list as a key", "? ‸[a, b]\n: 1", S],
  ["a map as a key", "? ‸{a: b}\n: 1", S],
  ["an unknown tag", "kind: ‸!secret Backend", S],
  ["a tag of YAML's own that makes bytes", "kind: ‸!!binary QmFja2VuZA==", S],
  ["a tag of YAML's own that makes a set", "spec: ‸!!set {a}", S],
  ["a tag left open", "kind: ‸!<tag Backend", S],
  ["an unknown directive", "‸%SELVEDGE 1\n---\nkind: Backend", S],
  ["a sibling between two columns", "a:\n  b: 1\n‸ d: 2", S],
  ["broken JSON", '{"kind": "Backend", ‸"kind": "Service"}', S],
  ["JSON cut short", '{"kind": "Backend", "metadata": {"name"‸', S, S],
  ["a fault in the second document only", `${fine("a")}---\nkind: "x‸`, S],
  [
    "a fault in the first document, the second being read",
    `kind: ‸@a\n---\n${fine("a")}‸extra: 1\n`,
    S,
    "unknown-key extra",
  ],
  ["a fault behind a byte-order mark", "\uFEFFkind: ‸@a", S],
  ["a fault behind Windows line ends", "kind: Backend\r\nspec: ‸@a\r\n", S],
  ["a fault behind letters of two code units", 'kind: "🧵" ‸x', S],
  ["values nested 101 levels deep", backend(`{endpoints: ${"[".repeat(98)}‸[]${"]".repeat(98)}}`), S],
];

function bomb(): string {
  const ten = (item: string) => Array.from({ length: 10 }, () => item).join(", ");
  return `a: &a [${ten("x")}]\nb: &b [‸${ten("*a")}]\nc: &c [${ten("*b")}]\nd: [${ten("*c")}]`;
}
