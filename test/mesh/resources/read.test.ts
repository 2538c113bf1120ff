import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { isRecord } from "../../../mesh/canonical.ts";
import { compile } from "../../../mesh/compile/compile.ts";
import type { Problem } from "../../../mesh/problem.ts";
import { KINDS } from "../../../mesh/resources/kinds.ts";
import { readFiles } from "../../../mesh/resources/read.ts";
import type { Resource } from "../../../mesh/resources/resource.ts";
import { EXAMPLES } from "../../support/examples.ts";

const read = (text: string, name = "a.yaml") => readFiles([{ name, text }]);
const examples = Object.values(EXAMPLES);
/** Maps of free keys, and what only a cluster or another runtime reads: any key is right there. */
const FREE = /\b(labels|annotations|matchLabels)$/;

type Step = string | number;

/** The path of every map in a value whose keys a schema knows. */
function maps(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => maps(item, [...path, index]));
  if (!isRecord(value) || FREE.test(path.join("."))) return [];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => maps(inner, [...path, key]))];
}

function inserted(value: unknown, path: readonly Step[], key: string): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return { ...(value as object), [key]: 1 };
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? inserted(item, rest, key) : item));
  return { ...(value as object), [step]: inserted((value as Record<string, unknown>)[step], rest, key) };
}

const shown = (path: readonly Step[]): string =>
  path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");

/** Problems that do not say where: each must name a line and a column of the file. */
function unplaced(text: string, problems: readonly Problem[]): Problem[] {
  const lines = text.split("\n").length;
  return problems.filter(({ at, message }) => !at || at.line < 1 || at.line > lines || at.col < 1 || message === "");
}

/** What must not come of any text: a problem without a place, or an error of compile in what reading let through. */
function faults(text: string): Problem[] {
  const { resources, problems } = read(text);
  return [...unplaced(text, problems), ...compile(resources).problems.filter(({ severity }) => severity === "error")];
}

describe("every kind's example", () => {
  it.each(examples.map((example) => [example.kind as string, example] as const))("%s is read whole", (_, example) => {
    const { resources, problems } = read(stringify(example));
    expect(problems).toEqual([]);
    expect(resources).toEqual([example]);
  });

  it("stands for a kind, and each kind has one", () => {
    expect(examples.map(({ kind }) => kind)).toEqual(KINDS.map(({ kind }) => kind));
  });

  it.each(examples.map((example) => [example.kind as string, example] as const))(
    "%s with an unknown key anywhere is refused with the key's path and place",
    (_, example) => {
      const known = maps(example).filter(([top, next]) => top !== "spec" || next !== undefined || isStrict(example));
      const key = fc.stringMatching(/^[a-z][A-Za-z]{5,12}Xq$/);
      fc.assert(
        fc.property(fc.constantFrom(...known), key, fc.boolean(), (path, name, json) => {
          const broken = inserted(example, path, name);
          const text = json ? JSON.stringify(broken, null, 1) : stringify(broken);
          const { resources, problems } = read(text);
          expect(resources).toEqual([]);
          const [found] = problems.filter(({ code }) => code === "unknown-key");
          expect(found?.path).toBe(shown([...path, name]));
          const line = text.split("\n").findIndex((one) => one.includes(name));
          expect(found?.at?.line).toBe(line + 1);
        }),
        { numRuns: 60, seed: 1 },
      );
    },
  );
});

/** Kinds that the runtime cannot carry keep their spec unread. */
const isStrict = ({ kind }: Readonly<Record<string, unknown>>): boolean =>
  KINDS.find((known) => known.kind === kind)?.uncarried === undefined;

describe("nothing throws, and every complaint has a place", () => {
  it("for random text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        expect(faults(text)).toEqual([]);
      }),
      { numRuns: 1000, seed: 2 },
    );
  });

  it("for text made of YAML's own signs", () => {
    const sign = fc.constantFrom(
      ..."{}[]:,-?&*!|>'\"%@#\t\n\r ab<1~\\.".split(""),
      "---\n",
      "\n  ",
      "<<: ",
      "*a",
      "&a ",
      ": ",
    );
    fc.assert(
      fc.property(fc.array(sign, { maxLength: 60 }), (signs) => {
        expect(faults(signs.join(""))).toEqual([]);
      }),
      { numRuns: 1500, seed: 3 },
    );
  });

  it("for valid files with a stretch of text replaced", () => {
    const texts = examples.map((example) => stringify(example));
    const piece = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom("\n", "\t", "{", "- ", "null", "&a", "*a", "1e9", ": "),
    );
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), fc.nat(12), piece, (whole, at, length, text) => {
        const from = at % whole.length;
        expect(faults(whole.slice(0, from) + text + whole.slice(from + length))).toEqual([]);
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it("for valid resources with a value of any other type", () => {
    fc.assert(
      fc.property(fc.constantFrom(...examples), fc.nat(), fc.json({ maxDepth: 2 }), (example, which, json) => {
        const places = [...JSON.stringify(example).matchAll(/(?<=:)("[^"]*"|\d+|true)/g)];
        const place = places[which % places.length]!; // each example has some
        const text = JSON.stringify(example);
        expect(faults(text.slice(0, place.index) + json + text.slice(place.index + place[0].length))).toEqual([]);
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  it.each([
    ["brackets", "[".repeat(20_000)],
    ["closed brackets", "[".repeat(5000) + "]".repeat(5000)],
    ["braces", "{a: ".repeat(5000)],
    ["lines, each a level", Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
    ["dashes", "- ".repeat(5000)],
  ])("for thousands of nested %s", (_, text) => {
    const { problems } = read(text);
    expect(unplaced(text, problems)).toEqual([]);
    expect(problems.map(({ code }) => code)).toContain("yaml-syntax");
    expect(problems.length).toBeLessThan(3000);
  });
});

describe("what is read", () => {
  const service = (name: string, more = "") =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}${more}}\nspec: {}\n`;

  it.each([
    ["an empty file", "", []],
    ["comments alone", "# nothing\n", []],
    ["empty documents", "---\n---\n\n---\n", []],
    ["several documents", `${service("a")}---\n${service("b")}`, ["a", "b"]],
    [
      "a List",
      `kind: List\napiVersion: v1\nmetadata: {}\nitems: [{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {}}]`,
      ["a"],
    ],
    ["a byte-order mark", `\uFEFF${service("a")}`, ["a"]],
    ["Windows line ends", service("a").replaceAll("\n", "\r\n"), ["a"]],
    ["anchors and merges", `x: &x {name: a}\n---\n${service("b").replace("{name: b}", "{<<: {name: b}}")}`, ["b"]],
  ])("%s", (_, text, names) => {
    expect(read(text).resources.map(({ metadata }) => metadata.name)).toEqual(names);
  });

  it("keeps the good documents of a file beside the broken ones", () => {
    const { resources, problems } = read(`${service("a")}---\nkind: @\n---\n${service("b")}---\n${service("C")}`);
    expect(resources.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect(problems.map(({ at }) => at?.line)).toEqual([6, 15]);
  });

  it("reports a resource that stands in two files at the second, and says where the first is", () => {
    const { resources, problems } = readFiles([
      { name: "one.yaml", text: service("a") },
      { name: "two.yaml", text: service("a") },
    ]);
    expect(resources.length).toBe(1);
    expect(problems).toMatchObject([
      {
        code: "duplicate-resource",
        at: { file: "two.yaml", line: 3, col: 1 },
        message: "stands twice; first at one.yaml:3:1",
      },
    ]);
  });

  it("reports problems by file, line and column", () => {
    const { problems } = readFiles([
      { name: "b.yaml", text: "kind: @" },
      { name: "a.yaml", text: "a: 1\n---\nkind: @" },
    ]);
    expect(problems.map(({ at }) => `${at?.file}:${at?.line}`)).toEqual([
      "a.yaml:1",
      "a.yaml:1",
      "a.yaml:3",
      "b.yaml:1",
    ]);
  });

  it("drops what a cluster's server owns", () => {
    const text = `${service("a", ", uid: x, resourceVersion: '1', generation: 2, creationTimestamp: null, managedFields: [{}]")}status: {a: 1}\n`;
    const kept: Resource[] = [
      { apiVersion: "v1", kind: "Service", metadata: { name: "a", namespace: "default" }, spec: {} },
    ];
    expect(read(text)).toMatchObject({ resources: kept, problems: [] });
  });
});

describe("the fix", () => {
  const route = (rule: string) =>
    `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {rules: [${rule}]}`;

  it.each([
    ["a slip of a key", route("{backendRef: []}"), "did you mean backendRefs?"],
    ["letters swapped", route("{filtres: []}"), "did you mean filters?"],
    ["no key like it", route("{timeouts: {zebra: 1s}}"), "one of request, backendRequest"],
    [
      "a key of another type of filter",
      route("{filters: [{type: URLRewrite, urlRewrite: {}, requestRedirect: {}}]}"),
      "one of type, urlRewrite",
    ],
    ["a slip of a value", route("{matches: [{method: GTE}]}"), "did you mean GET?"],
    ["a slip of a kind", "apiVersion: v1\nkind: Servise", "did you mean Service?"],
    ["a kind by its short name", "apiVersion: v1\nkind: svc", "did you mean Service?"],
    [
      "another version",
      "apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute",
      "write gateway.networking.k8s.io/v1 or gateway.networking.k8s.io/v1beta1",
    ],
  ])("for %s", (_, text, fix) => {
    expect(read(text).problems).toMatchObject([{ fix }]);
  });
});

it("accepts only endpoint URLs that a runtime parses, to the same host", () => {
  const host = fc.oneof(
    fc.stringMatching(/^[a-z0-9.-]{1,12}$/),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.stringMatching(/^\[[0-9a-f:.]{1,8}\]$/),
    fc.array(fc.nat(300), { minLength: 1, maxLength: 5 }).map((numbers) => numbers.join(".")),
    fc.constantFrom("0x7f.1", "a.0x1", "1.2.3.4.", "xn--a", "a..b", "-", "..", "a.b.", "~", "_a"),
  );
  fc.assert(
    fc.property(host, fc.constantFrom("", ":80", ":65536", "/a/b", "/%2e%2e/a", "/a?b"), (name, rest) => {
      const url = `http://${name}${rest}`;
      const { resources } = read(JSON.stringify({ ...EXAMPLES.Backend, spec: { endpoints: [{ url }] } }));
      if (resources.length === 0) return;
      expect([url, URL.canParse(url)]).toEqual([url, true]);
      expect(new URL(url).pathname).toBe(rest.startsWith("/") ? rest : "/");
    }),
    { numRuns: 1500, seed: 6 },
  );
});
