/** Rules and matches that other rules leave nothing to. */
import type { Compiled } from "../compile/compile.ts";
import { place } from "../compile/rules.ts";
import type { Problem } from "../problem.ts";
import { finding } from "./finding.ts";
import { type Loss, matchKey, reach, type Reach, ruleKey } from "./reach.ts";
import { showWitness } from "./witness.ts";

export function unreachable({ snapshot, facts }: Compiled): Problem[] {
  const found = reach(snapshot);
  return facts.model.all("HTTPRoute").flatMap((route) =>
    route.spec.rules.flatMap((rule, index): Problem[] => {
      const { namespace, name } = route.metadata;
      const key = `${namespace}/${name} ${rule.name ?? index}`;
      const path = `spec.rules[${index}]`;
      const known = found.get(key);
      if (!known?.losses[0]) return [];
      const say = ({ loss, elsewhere }: Told, code: "unreachable-rule" | "shadowed-match", at: string, what: string) =>
        finding(route, code, at, `${what}${elsewhere}: ${takerOf(snapshot, loss)}`, {
          witness: showWitness(loss.witness),
        });
      if (!known.reached)
        return [
          say({ loss: known.losses[0], elsewhere: "" }, "unreachable-rule", path, "no request reaches this rule"),
        ];
      return byMatch(known, snapshot, key).map((told) => {
        const match = rule.matches.findIndex((one) => matchKey(place(one, 0)) === matchKey(told.loss.placed));
        return say(
          told,
          "shadowed-match",
          `${path}.matches[${match}]`,
          `this match decides nothing at ${told.loss.place}`,
        );
      });
    }),
  );
}

type Told = { readonly loss: Loss; readonly elsewhere: string };

/** One for each match, however many hosts it is lost at. A match that another of the same rule takes costs nobody anything. */
function byMatch({ losses }: Reach, snapshot: Compiled["snapshot"], key: string): Told[] {
  const foreign = losses.filter(({ taker }) => taker === undefined || ruleKey(snapshot, taker) !== key);
  return [...Map.groupBy(foreign, ({ placed }) => matchKey(placed)).values()].map((all) => ({
    loss: all[0]!,
    elsewhere: all.length > 1 ? ` and ${all.length - 1} more` : "",
  }));
}

function takerOf({ rules }: Compiled["snapshot"], { taker, listener }: Loss): string {
  const rule = taker === undefined ? undefined : rules[taker];
  const by = rule ? `rule ${rule.rule} of HTTPRoute ${rule.route} takes it` : "no rule there takes it";
  return listener === undefined ? by : `the host is that of listener hostname ${listener || "*"}, where ${by}`;
}
