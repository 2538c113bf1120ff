import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BreakersResponse } from "../../mesh/api.ts";
import { apply, get, post, refused, send, service } from "./client.ts";

const guarded = (name: string) => `${service(name)}
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: "", kind: Service, name: ${name}}]
  breaker: {failures: 3}
  fault: {expires: "2999-01-01T00:00:00Z", abort: {percent: 1, status: 503}}
`;
const circuit = "Service/default/pay:80 by default/pay";

it("shows every breaker as its object has it, and what an operator holds", async () => {
  await apply(`${guarded("pay")}---${guarded("cart")}`);
  const shown = async (query = "") => (await get<BreakersResponse>(`/v1/breakers${query}`)).items;
  expect((await shown()).map(({ circuit: name, state }) => [name, state])).toEqual([
    ["Service/default/cart:80 by default/cart", "closed"],
    [circuit, "closed"],
    ["faults of default/cart until 2999-01-01T00:00:00Z", "closed"],
    ["faults of default/pay until 2999-01-01T00:00:00Z", "closed"],
  ]);

  const policy = { failures: 3, failureRatio: 0.5, windowMs: 10_000, openMs: 60_000, maxOpenMs: 60_000, probes: 1 };
  const tell = (name: string, isolate: string, failed: number, openMs?: number) => {
    const word = {
      isolate,
      seq: 1,
      epoch: 1,
      policy,
      ok: 1,
      failed,
      ageMs: 0,
      ...(openMs !== undefined && { openMs }),
    };
    return env.BREAKER.getByName(name).report(word);
  };
  const edge = { id: "e", name: "edge", colo: "local", epoch: 1, hash: "h", source: "kv" as const };
  await env.FLEET.getByName("fleet").checkIn(edge);
  await tell(circuit, "i", 0);
  await tell(circuit, "e", 3, 1000);
  expect(await shown("?name=80 by default/pay")).toMatchObject([
    { kind: "breaker", circuit, state: "closed", callers: 2, openIn: [{ isolate: "e", edge: "edge" }] },
  ]);
  await tell(circuit, "f", 3);
  expect(await shown("?name=80 by default/pay")).toMatchObject([{ circuit, state: "open", trips: 1, callers: 3 }]);
  await tell("faults of default/pay until 2999-01-01T00:00:00Z", "e", 30);
  const [spent] = await shown("?name=faults of default/pay");
  expect(spent).toMatchObject({ kind: "fault-budget", state: "open", callers: 1 });
  expect(spent).not.toHaveProperty("forMs");

  expect((await send("/v1/breakers", post({ circuit, to: "closed", forMs: 60_000 }))).status).toBe(200);
  const [held] = await shown("?name=80 by default/pay");
  expect(held).toMatchObject({ state: "open", held: { to: "closed" } });
  // Edges hear of it with their next check-in, as time that is left.
  const { holds } = await env.FLEET.getByName("fleet").checkIn(edge);
  expect(holds).toMatchObject([{ circuit, to: "closed" }]);
  expect(holds![0]!.forMs).toBeLessThanOrEqual(60_000);

  await send("/v1/breakers", post({ circuit, to: "closed", forMs: 0 }));
  expect(await env.FLEET.getByName("fleet").checkIn(edge)).not.toHaveProperty("holds");
});

it.each([
  [{ circuit: "Service/default/none:80 by default/none", to: "open", forMs: 1000 }, "404 not-found"],
  [{ circuit, to: "ajar", forMs: 1000 }, "400 invalid-request"],
  [{ circuit, to: "open", forMs: 86_400_001 }, "400 invalid-request"],
])("refuses to hold %j: %s", async (body, said) => {
  await apply(guarded("pay"));
  expect((await refused(await send("/v1/breakers", post(body)))).said).toBe(said);
});
