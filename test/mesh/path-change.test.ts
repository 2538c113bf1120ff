import { expect, it } from "vitest";
import type { PathChange } from "../../mesh/snapshot.ts";
import { changedPath } from "../../mesh/path-change.ts";

const full = (to: string): PathChange => ({ kind: "full", to });
const prefix = (to: string): PathChange => ({ kind: "prefix", to });

// The table of Gateway API's HTTPPathModifier, and what it leaves open: repeated and missing slashes.
it.each<[path: string, matched: string | undefined, change: PathChange, result: string]>([
  ["/foo/bar", "/foo", prefix("/xyz"), "/xyz/bar"],
  ["/foo/bar", "/foo", prefix("/xyz/"), "/xyz/bar"],
  ["/foo", "/foo", prefix("/xyz"), "/xyz"],
  ["/foo/", "/foo", prefix("/xyz"), "/xyz/"],
  ["/foo/bar", "/foo", prefix("/"), "/bar"],
  ["/foo/", "/foo", prefix("/"), "/"],
  ["/foo", "/foo", prefix("/"), "/"],
  ["/foo/bar", "/foo", prefix(""), "/bar"],
  ["/bar", "", prefix("/xyz"), "/xyz/bar"],
  ["/", "", prefix("/xyz"), "/xyz/"],
  ["/foo//bar", "/foo", prefix("/xyz"), "/xyz/bar"],
  ["/exact", undefined, prefix("/xyz"), "/xyz"],
  ["/foo/bar", "/foo", full("/one"), "/one"],
  ["/exact", undefined, full("/one"), "/one"],
])("%s under prefix %j with %j becomes %s", (path, matched, change, result) => {
  expect(changedPath({ path, prefix: matched }, change)).toBe(result);
});
