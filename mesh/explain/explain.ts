/**
 * What becomes of a request and why: who takes it, who did not and for what, which policies hold, what goes upstream. By the same
 * compiled tables that an edge runs, and by the same functions wherever a decision is made; test/mesh/explain holds it to `match`.
 */
import type { Compiled } from "../compile/compile.ts";
import { listenersOf, type Subject } from "../match.ts";
import { CARRIED_METHODS } from "../methods.ts";
import { type Holding, holdings, type Origin, originOf } from "./holding.ts";
import { type Answer, answerOf, denied, type Share, sharesOf, summary } from "./onward.ts";
import type { Snapshot } from "../snapshot.ts";
import { type Considered, type Entry, isAmbiguous, nearest, type PassedOver, type Reached, route } from "./routing.ts";

export type Asked = Omit<Subject, "path"> &
  Entry & {
    readonly scheme: "http" | "https";
    /** The Host header: with its port, if it names one. */
    readonly host: string;
    /** Empty, or begins with `?`. */
    readonly search: string;
  };

export type Explanation = {
  readonly reached: Reached;
  /** The one that rules and policies see. */
  readonly path: string;
  readonly taker?: Considered & { readonly route: string; readonly rule: string; readonly origin?: Origin };
  /** The nearest of those that come before the taker and do not take the request, in the order in which an edge tries them. */
  readonly passedOver: readonly (PassedOver & { readonly route: string; readonly rule: string })[];
  /** How many more there are. */
  readonly omitted: number;
  readonly policies: readonly Holding[];
  /** Around the rule, outermost first. */
  readonly layers: readonly string[];
  readonly shares: readonly Share[];
  /** The mesh's own, in place of any backend's. */
  readonly answer?: Answer;
};

/** `limit` bounds how many of those passed over are told. */
export function explain(compiled: Compiled, asked: Asked, limit: number): Explanation {
  const { snapshot, facts } = compiled;
  const { reached, path, taker, passedOver } = route(snapshot, asked, asked);
  const named = <C extends Considered>(one: C) => {
    const { route: title, rule } = snapshot.rules[one.candidate.rule]!; // compile made the index
    return { ...one, route: title, rule };
  };
  const told = nearest(passedOver, path, limit);
  const base = { reached, path, passedOver: told.map(named), omitted: passedOver.length - told.length };
  const nothing = { policies: [], layers: [], shares: [] };
  // Refused before anything is decided about it, and told all the same what its rule would be.
  const refusal = refusalOf(snapshot, asked);
  if (!taker)
    return { ...base, ...nothing, answer: refusal ?? denied({ cause: "no-route" }, whyNone(compiled, reached, asked)) };
  const rule = snapshot.rules[taker.candidate.rule]!;
  const origin = originOf(compiled, taker, reached);
  const port = asked.urlPort ?? asked.port;
  const got = { ...asked, port, path, prefix: taker.kind === "prefix" ? taker.path : undefined };
  const answer = refusal ?? answerOf(rule, got);
  return {
    ...base,
    taker: { ...named(taker), ...(origin && { origin }) },
    policies: origin ? holdings(facts, origin) : [],
    layers: rule.layers.map(summary),
    shares: sharesOf(snapshot, rule, got),
    ...(answer && { answer }),
  };
}

function refusalOf(snapshot: Snapshot, asked: Asked): Answer | undefined {
  if (!CARRIED_METHODS.has(asked.method))
    return denied({ cause: "method-not-carried" }, `the runtime cannot pass ${asked.method} on`);
  if (isAmbiguous(snapshot, asked))
    return denied(
      { cause: "path-ambiguous" },
      "the path has more than one reading, and its listener refuses such paths",
    );
  return undefined;
}

function whyNone({ snapshot }: Compiled, reached: Reached, { port, gateway }: Asked): string {
  const { services } = snapshot;
  if (reached.kind === "service") {
    if (!Object.hasOwn(services, reached.service)) return `there is no service ${reached.service}`;
    return reached.found
      ? "none of its rules matches"
      : `${reached.service} has no port ${reached.port}, only ${services[reached.service]!.map((one) => one.port).join(", ")}`;
  }
  if (reached.listener) return "no rule at this listener matches";
  const ports = [...new Set(listenersOf(snapshot, gateway).map((one) => one.port))];
  if (ports.includes(port)) return `no listener at port ${port} has this host`;
  const open = ports.length > 0 ? `listeners are at ${ports.join(", ")}` : "there are no listeners";
  return `no listener at port ${port}: ${open}`;
}
