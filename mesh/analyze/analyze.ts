/**
 * What is wrong with resources that read and compile have nothing against: each of these is valid by itself, and together they
 * do not do what they seem to say. All of it is warnings, and one code has one section in docs/problems.md.
 */
import type { Compiled } from "../compile/compile.ts";
import type { Problem } from "../problem.ts";
import { deadEnds } from "./dead-ends.ts";
import { deprecated } from "./deprecated.ts";
import { hostnames } from "./hostnames.ts";
import { retries } from "./retries.ts";
import { unreachable } from "./unreachable.ts";

/** Beside what compile has found already. */
export const analyze = (compiled: Compiled): Problem[] =>
  [unreachable, hostnames, deadEnds, retries, deprecated].flatMap((find) => find(compiled));
