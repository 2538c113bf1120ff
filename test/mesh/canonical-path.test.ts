import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AmbiguousPaths, canonicalPath } from "../../mesh/canonical-path.ts";

/** As the edge does: the URL parser first. */
function read(target: string, ambiguous: AmbiguousPaths): string | undefined {
  return canonicalPath(new URL(`http://h${target}`).pathname, target.includes("\\"), ambiguous);
}

describe("a path that has one reading", () => {
  it.each([
    ["/", "/"],
    ["/a/b.html", "/a/b.html"],
    ["/a+b;c=d,e:f@g!$&'()*", "/a+b;c=d,e:f@g!$&'()*"],
    ["/%61dmin/%7Euser", "/admin/~user"],
    ["/%e2%82%ac%3a", "/%E2%82%AC%3A"],
    ["/x/../a/./b", "/a/b"],
    ["/x/%2E%2e/a", "/a"],
    ["/100%25", "/100%25"],
    ["/a;v=1/b", "/a;v=1/b"],
  ])("%s is %s", (target, path) => {
    expect([read(target, "refuse"), read(target, "resolve")]).toEqual([path, path]);
  });
});

describe("a path that has several", () => {
  it.each([
    ["/a%2fb", "/a/b", "/a%2fb"],
    ["/a%5Cb", "/a/b", "/a%5Cb"],
    ["/a\\b", "/a/b", "/a/b"],
    ["//a///b/", "/a/b/", "//a///b/"],
    ["/x/..%2fadmin", "/admin", "/x/..%2fadmin"],
    ["/public%2f..%2fadmin", "/admin", "/public%2f..%2fadmin"],
    ["/x%2f%2e%2e%2f", "/", "/x%2f%2e%2e%2f"],
    ["/%2f%61dmin", "/admin", "/%2f%61dmin"],
  ])("%s is refused, resolved to %s, or kept as %s", (target, resolved, kept) => {
    expect([read(target, "refuse"), read(target, "resolve"), read(target, "keep")]).toEqual([
      undefined,
      resolved,
      kept,
    ]);
  });

  it.each(["/a%01", "/a%7f", "/%c0%ae%c0%ae/a", "/%zz", "/%u002e", "/%E0%80", "/%252e%252e/a", "/a%252fb", "/x/..;/a"])(
    "%s has no safe one",
    (target) => {
      expect([read(target, "refuse"), read(target, "resolve"), read(target, "keep")]).toEqual([
        undefined,
        undefined,
        target,
      ]);
    },
  );

  it("NUL is refused by every setting", () => {
    expect((["refuse", "resolve", "keep"] as const).map((setting) => read("/a%00b", setting))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("whatever the path", () => {
  const piece = fc.constantFrom(
    "a",
    "/",
    ".",
    "..",
    "%2e",
    "%2f",
    "%5c",
    "\\",
    "%61",
    "%",
    "%25",
    ";",
    "é",
    "%C3%A9",
    "~",
  );
  const targets = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);

  it("the canonical one is its own, and no URL parser on the way changes it", () => {
    fc.assert(
      fc.property(targets, fc.constantFrom("refuse" as const, "resolve" as const), (target, setting) => {
        const path = read(target, setting);
        if (path === undefined) return;
        expect([read(path, setting), read(path, "refuse"), new URL(`http://h${path}`).pathname]).toEqual([
          path,
          path,
          path,
        ]);
      }),
    );
  });

  it("the canonical one holds nothing that a file system or a lax server would read as another path", () => {
    fc.assert(
      fc.property(targets, fc.constantFrom("refuse" as const, "resolve" as const), (target, setting) => {
        expect(read(target, setting) ?? "/").not.toMatch(/\/\/|\\|%2f|%5c|%00|\/\.{1,2}(\/|;|$)|%25(2e|2f|5c|25|00)/i);
      }),
    );
  });
});
