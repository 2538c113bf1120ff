/** Every breaker in the fleet: what its object says of it, and what an operator says. */
import type { BreakersResponse, BreakerStatus } from "../../mesh/api.ts";
import { type CircuitOf, circuitsOf } from "../../mesh/circuits.ts";
import type { Snapshot } from "../../mesh/snapshot.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { type Env, fleet } from "./env.ts";
import { Refusal } from "./refusal.ts";
import { bodyOf, breakersQuery, holdRequest, queryOf } from "./request.ts";
import { meshInForce } from "./snapshot.ts";

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
  const holds = new Map((await fleet(env).holds()).map(({ circuit, to, forMs }) => [circuit, { to, forMs }]));
  const items: BreakerStatus[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE)
    items.push(...(await Promise.all(asked.slice(at, at + AT_ONCE).map((one) => statusOf(env, one)))));
  const shown = items.map((item) => {
    const held = holds.get(item.circuit);
    return held ? { ...item, held } : item;
  });
  return Response.json({ epoch, items: shown } satisfies BreakersResponse);
}

/** Holds a circuit that there is. */
export async function hold(request: Request, env: Env): Promise<Response> {
  const asked = await bodyOf(request, holdRequest);
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

async function statusOf(env: Env, { circuit, policy }: CircuitOf): Promise<BreakerStatus> {
  try {
    const reply = await env.BREAKER.getByName(circuit).show(policy);
    if (reply.kind === "closed") {
      const { closedMs, trips } = reply;
      return {
        circuit,
        state: "closed",
        ...(closedMs !== undefined && { closedMs }),
        ...(trips !== undefined && { trips }),
      };
    }
    return { circuit, state: reply.kind, forMs: reply.forMs, trips: reply.trips };
  } catch (error) {
    console.warn(`the breaker ${circuit} does not answer: ${String(error)}`);
    return { circuit, state: "unknown" };
  }
}
