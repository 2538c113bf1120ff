/** Every breaker in the fleet: what its object says of it, and what an operator says. */
import type { BreakersResponse, BreakerStatus } from "../../mesh/api.ts";
import { type CircuitOf, circuitsOf } from "../../mesh/circuits.ts";
import type { Snapshot } from "../../mesh/snapshot.ts";
import { compile } from "../../mesh/compile/compile.ts";
import type { Tell } from "./audit.ts";
import type { Caller } from "./auth.ts";
import { type Env, fleet } from "./env.ts";
import { Refusal } from "./refusal.ts";
import { bodyOf, breakersQuery, holdRequest, queryOf } from "./request.ts";
import { meshInForce } from "./mesh.ts";

/** Each is one call to an object; a Worker makes ten thousand a request, and an operator reads fewer. */
const MOST_SHOWN = 1000;
const AT_ONCE = 50;

export async function breakers(request: Request, env: Env): Promise<Response> {
  const { name = "" } = queryOf(request, breakersQuery);
  const { epoch, circuits } = await circuitsInForce(env);
  const asked = circuits.filter(({ circuit }) => circuit.includes(name));
  if (asked.length > MOST_SHOWN) {
    const detail = `${asked.length} breakers have this in their names, and at most ${MOST_SHOWN} are shown at once: say more of the name.`;
    throw new Refusal("too-large", { detail });
  }
  const [held, edges] = await Promise.all([fleet(env).holds(), fleet(env).edges()]);
  const told: Told = {
    holds: new Map(held.map(({ circuit, to, forMs }) => [circuit, { to, forMs }])),
    names: new Map(edges.map((edge) => [edge.id, edge.name])),
  };
  const items: BreakerStatus[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE)
    items.push(...(await Promise.all(asked.slice(at, at + AT_ONCE).map((one) => statusOf(env, one, told)))));
  return Response.json({ epoch, items } satisfies BreakersResponse);
}

/** What the fleet object knows: holds by circuit, and names of edges by isolate. */
type Told = {
  readonly holds: ReadonlyMap<string, NonNullable<BreakerStatus["held"]>>;
  readonly names: ReadonlyMap<string, string>;
};

/** Holds a circuit that there is. */
export async function hold(request: Request, env: Env, _caller: Caller, tell: Tell): Promise<Response> {
  const asked = await bodyOf(request, holdRequest);
  tell(asked);
  const { circuits } = await circuitsInForce(env);
  if (!circuits.some(({ circuit }) => circuit === asked.circuit))
    throw new Refusal("not-found", { detail: `No breaker is called ${asked.circuit}.` });
  await fleet(env).hold(asked);
  return Response.json(asked);
}

async function circuitsInForce(env: Env): Promise<{ epoch: number; circuits: readonly CircuitOf[] }> {
  const { epoch, resources } = await meshInForce(env);
  const { snapshot }: { snapshot: Snapshot } = compile(resources);
  return { epoch, circuits: circuitsOf(snapshot) };
}

async function statusOf(
  env: Env,
  { kind, circuit, policy }: CircuitOf,
  { holds, names }: Told,
): Promise<BreakerStatus> {
  const held = holds.get(circuit);
  const known = { kind, circuit, ...(held && { held }) };
  try {
    const reply = await env.BREAKER.getByName(circuit).show(policy);
    const { seen, open } = reply.callers;
    const openIn = open.map((isolate) => ({ isolate, edge: names.get(isolate) ?? "" }));
    const asked = { ...known, callers: seen, ...(openIn.length > 0 && { openIn }) };
    if (reply.kind === "closed") {
      const { closedMs, trips } = reply;
      return {
        ...asked,
        state: "closed",
        ...(closedMs !== undefined && { closedMs }),
        ...(trips !== undefined && { trips }),
      };
    }
    // A budget that is spent is never tried again.
    return { ...asked, state: reply.kind, ...(kind === "breaker" && { forMs: reply.forMs }), trips: reply.trips };
  } catch (error) {
    console.warn(`the breaker ${circuit} does not answer: ${String(error)}`);
    return { ...known, state: "unknown" };
  }
}
