/**
 * What a compile keeps for the next one. Of ten thousand routes a change leaves all but one as they were, and what comes of a
 * route depends on nothing but itself and the surroundings of all routes: docs/decisions/026-one-change-one-compile.md.
 */
import { areSame, Kept } from "../kept.ts";
import type { Problem } from "../problem.ts";
import type { RouteTable } from "../snapshot.ts";
import { type Numbering, numbering } from "./rules.ts";
import type { Placed } from "./table.ts";

export type Memo = {
  /** All that routes are compiled from but the routes themselves; where anything of it is another, the memo is void. */
  readonly surroundings: readonly unknown[];
  /** What is kept refers to rules and backends by number: these only grow. */
  readonly numbers: Numbering;
  /** How many rules there were when the numbers began. */
  readonly rules: number;
  /** By route and what it is reached through. */
  readonly routes: Kept<Ruled>;
  /** By who sees it. */
  readonly tables: Kept<RouteTable>;
};

/** A route's candidates, and what there is to complain about them. */
type Ruled = { readonly made: readonly Placed[]; readonly said: readonly Problem[] };

/** For a compile after the one that left `before`. */
export function memoAfter(before: Memo | undefined, surroundings: readonly unknown[]): Memo {
  if (before && areSame(before.surroundings, surroundings) && !isWorn(before))
    return { ...before, routes: new Kept(before.routes), tables: new Kept(before.tables) };
  return { surroundings, numbers: numbering(), rules: 0, routes: new Kept(), tables: new Kept() };
}

/** Rules that no route has any more keep their numbers, until there are as many of them as of others. */
const isWorn = ({ numbers, rules }: Memo): boolean => numbers.rules.list.length > 2 * rules + 1000;
