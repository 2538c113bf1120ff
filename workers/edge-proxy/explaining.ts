/**
 * What an operator is told of one request: a step for each policy that it passed, written by the very run that answers it, so that
 * the telling cannot differ from the doing. Other requests have no steps, and their layers none of this around them.
 */
import type { Address } from "../../mesh/address.ts";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import { type Matcher, type Subject, tablesFor } from "../../mesh/match.ts";
import { headerOf, type LiveCandidate } from "../../mesh/explain/live.ts";
import { consideredIn } from "../../mesh/shard/considered.ts";
import { addressOf, type Backend, type Policy, type Rule } from "../../mesh/snapshot.ts";
import { type Call, Denied, type Handler, type Layer, type Outside } from "./layer.ts";
import type { Seen } from "./seen.ts";
import { beginStep, type Explaining, type Step } from "./step.ts";

/** The layer with a step around all that it does. */
export const explainedLayer =
  (by: Policy["kind"], layer: Layer): Layer =>
  (next) =>
    explained(
      by,
      layer((call) => {
        if (call.step) call.step.passed++;
        return next(call);
      }),
    );

/** One try, to one endpoint of the backend. */
export const explainedTry = ({ endpoints }: Backend, send: Handler): Handler =>
  explained("try", send, ({ place }) => {
    const endpoint = place.endpoint === undefined ? undefined : endpoints[place.endpoint];
    return endpoint ? { endpoint: addressOf(endpoint) } : {};
  });

/** By backend, and which of them was drawn. */
export const weightsOf = (backends: readonly Backend[], rule: Rule, drawn: number | undefined) =>
  rule.backends.map(({ backend, weight }, index) => ({
    backend: backend === null ? null : (backends[backend]?.name ?? null),
    weight,
    ...(index === drawn && { drawn: true }),
  }));

/** Every candidate at whose place the path lies, up to the one that takes the request. */
export function consideredFor(
  routes: Matcher,
  from: { readonly port: number; readonly caller: string },
  address: Address,
  subject: Subject,
): readonly LiveCandidate[] {
  const all: LiveCandidate[] = [];
  for (const { name, shard, table } of tablesFor(routes, from, address))
    for (const one of consideredIn(shard, table, subject)) {
      all.push({ name, ...one });
      if (one.because === null) return all;
    }
  return all;
}

/** Says on the answer how it came about. */
export function explain(seen: Seen, explaining: Explaining, cause: string, response: Response, { now }: Outside): void {
  const { by, pinned, root, considered } = explaining;
  const { call, rule, url } = seen;
  const at = now();
  root.ended = at;
  root.outcome = cause === "" ? `answered ${response.status}` : `answers ${response.status}: ${cause}`;
  const text = headerOf({
    ...pinned,
    askedBy: by,
    path: call?.path ?? url.pathname,
    route: rule?.route ?? null,
    rule: rule?.rule ?? null,
    caller: call?.identity?.spiffe ?? null,
    chain: call?.chain ?? [],
    backend: call?.backend || null,
    attempts: call?.backend ? call.attempts : 0,
    hedges: call?.hedges ?? 0,
    status: response.status,
    cause: cause || null,
    degraded: response.headers.get(MESH_HEADERS.degraded),
    considered,
    steps: root.all.map(({ by: what, within, passed, outcome, began, ended = at, facts }) => ({
      by: what,
      within,
      passed,
      // A copy that was outrun, or work that goes on behind the answer.
      outcome: outcome || "under way",
      at: began - root.began,
      ms: ended - began,
      facts,
    })),
  });
  response.headers.set(MESH_HEADERS.explanation, text);
}

/** `about` tells what is known once it has run. */
const explained =
  (by: Step["by"], run: Handler, about: (call: Call) => Step["facts"] = () => ({})): Handler =>
  async (call) => {
    const outer = call.step;
    if (!outer) return run(call);
    const { now } = call.outside;
    const step = beginStep(outer.all, by, outer.all.indexOf(outer), now());
    const before = decisionsOf(call);
    // What comes of a try is its endpoint's doing, and of a policy's that let the call go on, somebody's within.
    const hasPassed = (): boolean => by === "try" || step.passed > 0;
    call.step = step;
    try {
      const response = await run(call);
      step.outcome = hasPassed() ? `answered ${response.status}` : `answers ${response.status}`;
      return response;
    } catch (error) {
      const what = error instanceof Denied ? error.denial.cause : String(error);
      step.outcome = hasPassed() ? `failed: ${what}` : `refuses: ${what}`;
      throw error;
    } finally {
      step.ended = now();
      Object.assign(step.facts, changed(before, decisionsOf(call)), about(call));
      call.step = outer;
    }
  };

/** What layers decide for those around them and beneath them. */
const decisionsOf = (call: Call): Readonly<Record<string, unknown>> => ({
  standIn: call.standIn,
  wouldDeny: call.wouldDeny || undefined,
  stoodIn: call.stoodIn,
  attempts: call.attempts,
  hedges: call.hedges,
  covered: call.covered || undefined,
  once: call.once || undefined,
  passedOn: call.passedOn,
});

const changed = (before: Step["facts"], after: Step["facts"]): Step["facts"] =>
  Object.fromEntries(Object.entries(after).filter(([name, value]) => value !== before[name]));
