import { describe, expect, it } from "vitest";
import { pathPattern, pathProblem } from "../../../mesh/policies/path-template.ts";

describe("a path of an AuthorizationPolicy", () => {
  it.each<[pattern: string, fits: readonly string[], fitsNot: readonly string[]]>([
    ["/admin", ["/admin"], ["/admin/", "/Admin", "/adminx", "/a/admin"]],
    ["/admin/*", ["/admin/", "/admin/x", "/admin/x/y"], ["/admin", "/adm"]],
    ["*.html", [".html", "/a.html", "/a/b.html"], ["/a.html/", "/a.htm"]],
    ["*", ["/", "/a"], [""]],
    // Istio's own examples of templates.
    ["/foo/{*}", ["/foo/bar"], ["/foo/bar/baz", "/foo/", "/foo"]],
    ["/foo/{**}/", ["/foo/bar/", "/foo/bar/baz/", "/foo//"], ["/foo/bar", "/foo/"]],
    ["/{*}/bar/{**}", ["/buzz/bar/", "/foo/bar/x/y"], ["/bar/", "//bar/", "/foo/bar"]],
    ["/a/{*}/b/{*}/c", ["/a/1/b/2/c"], ["/a/1/b/2/c/", "/a/1/2/b/3/c", "/a//b/2/c", "/a/1/b//c"]],
    ["/{**}/x", ["/a/x", "/a/b/x", "//x"], ["/x", "/a/xx", "/a/x/"]],
    ["/{**}", ["/", "/a", "/a/b"], [""]],
  ])("%s", (pattern, fits, fitsNot) => {
    expect(pathProblem(pattern)).toBeUndefined();
    const test = pathPattern(pattern);
    expect(fits.filter((path) => !test(path))).toEqual([]);
    expect(fitsNot.filter(test)).toEqual([]);
  });

  it.each([
    ["admin", "must begin with / or *"],
    ["a/{*}", "a template must begin with /"],
    ["/a{*}", "a{*} must be {*} or {**}, alone in its segment"],
    ["/{id}", "{id} must be {*} or {**}, alone in its segment"],
    ["/a/}/b{", "} must be {*} or {**}, alone in its segment"],
    ["/{*}/*", "a template has no * outside {*} and {**}"],
    ["/{**}/{*}", "nothing but text may follow {**}"],
    ["/{**}/a/{**}", "nothing but text may follow {**}"],
  ])("%s is refused: %s", (pattern, problem) => {
    expect(pathProblem(pattern)).toBe(problem);
  });
});
