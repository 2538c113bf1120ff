/**
 * What a compile keeps for the next one. Of ten thousand routes a change leaves all but one as they were, and what comes of a
 * route depends on nothing but itself and the surroundings of all routes: docs/decisions/026-one-change-one-compile.md.
 */
import { areSame, Kept } from "../kept.ts";
import { upsert } from "./upsert.ts";
import type { RouteTable } from "../snapshot.ts";
import type { Attachment, ParentFact } from "./attach.ts";
import { type Listeners, listeners } from "./listeners.ts";
import type { Item, Model, Overheard } from "./model.ts";
import { type Numbering, numbering } from "./rules.ts";
import type { Placed } from "./table.ts";

export type Memo = {
  /** All that routes are compiled from but the routes themselves; where anything of it is another, the memo is void. */
  readonly surroundings: readonly unknown[];
  /** What is kept refers to rules and backends by number: these only grow. */
  readonly numbers: Numbering;
  /** How many rules there were when the numbers began. */
  readonly rules: number;
  /** A function of the surroundings. */
  readonly listeners: Listeners;
  readonly routes: Kept<Item<"HTTPRoute">, Overheard<RouteFacts>>;
  readonly tables: Tables;
};

/** What a route comes to among its surroundings. */
export type RouteFacts = {
  /** By its parentRefs. */
  readonly parents: readonly ParentFact[];
  readonly attached: readonly {
    readonly attachment: Attachment;
    readonly candidates: readonly Placed[];
  }[];
};

/** Those of each listener or Service. */
export class Tables {
  readonly #of: Map<string, Kept<string, RouteTable>>;

  constructor(before?: Tables) {
    const used = [...(before ? before.#of : [])].filter(([, kept]) => !kept.isEmpty);
    this.#of = new Map(used.map(([whose, kept]) => [whose, new Kept(kept)]));
  }

  of(whose: string): Kept<string, RouteTable> {
    return upsert(this.#of, whose, () => new Kept());
  }
}

/** For a compile of `model` after the one that left `before`. */
export function memoAfter(before: Memo | undefined, model: Model, surroundings: readonly unknown[]): Memo {
  if (before && areSame(before.surroundings, surroundings) && !isWorn(before))
    return { ...before, routes: new Kept(before.routes), tables: new Tables(before.tables) };
  return {
    surroundings,
    numbers: numbering(),
    rules: 0,
    listeners: listeners(model),
    routes: new Kept(),
    tables: new Tables(),
  };
}

/** Rules that no route has any more keep their numbers, until there are as many of them as of others. */
const isWorn = ({ numbers, rules }: Memo): boolean => numbers.rules.list.length > 2 * rules + 1000;
