/**
 * Draws each try an endpoint, and learns from what becomes of it. A session's endpoint is kept while it can be used and was
 * not tried in vain; a call that was sent to an endpoint already goes to another one while there is one.
 */
import type { Outcome } from "../../../mesh/outcome.ts";
import {
  begin,
  end,
  type Group,
  group,
  type HashKey,
  isUsable,
  learnHealth,
  pick,
  type Place,
} from "../../../mesh/policies/balance.ts";
import { hashOf } from "../../../mesh/policies/hashing.ts";
import { underWay } from "../../../mesh/policies/in-flight.ts";
import { expectedMs } from "../../../mesh/policies/latency.ts";
import { cookieValues } from "../../../mesh/policies/session.ts";
import { addressOf, type Backend, type Endpoint, type Policy } from "../../../mesh/snapshot.ts";
import { type Call, Denied, type Handler, type MakeLayer, type Outside } from "../layer.ts";
import { failing } from "../health.ts";
import { remember } from "../memory.ts";
import { OUTRUN, outcomeOf } from "../outcome.ts";

type BalanceLayer = Extract<Policy, { kind: "balance" }>;

export const balance = (backends: readonly Backend[]): MakeLayer<"balance"> => {
  // Many rules share a backend, and what they learn of it: they know it by the one list of its places.
  const known = new Map<number, readonly Place[]>();
  const placesOf = (index: number): readonly Place[] => {
    const places = known.get(index) ?? backends[index]!.endpoints.map(placeOf); // decode proved the index
    known.set(index, places);
    return places;
  };
  return (policy) => {
    const places = placesOf(policy.backend);
    const { endpoints, health } = backends[policy.backend]!; // decode proved the index
    let checked: readonly string[] | undefined;
    let made: Group | undefined;
    let learnt: ReadonlySet<string> | undefined;
    return (next) => async (call) => {
      const mine = (made ??= groupOf(call, policy, places));
      const found = health ? failing(call, health, (checked ??= checkable(endpoints, call.outside))) : NONE;
      // A group keeps what an earlier configuration's checks have found, so that it is told even of none.
      if (found !== learnt) learnHealth(mine, (learnt = found), call.outside.now());
      for (;;) {
        try {
          return await attempt(next, call, mine, policy);
        } catch (error) {
          // Nothing was sent: while there is an endpoint that the call was not sent to, it goes there.
          const refused = error instanceof Denied && error.denial.cause === "breaker-open";
          if (!refused || mine.members.every((_, index) => call.tried.includes(index))) throw error;
        }
      }
    };
  };
};

async function attempt(next: Handler, call: Call, mine: Group, policy: BalanceLayer): Promise<Response> {
  const { now, random } = call.outside;
  const began = now();
  const index =
    heldBy(call, mine, began) ?? pick(mine, policy, { key: keyOf(call, policy), tried: call.tried, random }, began);
  if (index === undefined) throw new Denied({ cause: "no-endpoint" });
  if (call.step) call.step.facts.endpoints = scores(mine, began);
  call.place = { ...call.place, endpoint: index };
  call.tried = [...call.tried, index];
  begin(mine.members[index]!, began); // as picked
  let outcome: Outcome = "ignored";
  let retryAfterMs: number | undefined;
  try {
    const response = await next(call);
    outcome = outcomeOf(call, response.status);
    if (response.status === 429) retryAfterMs = secondsOf(response.headers.get("retry-after")) * 1000;
    return response;
  } catch (error) {
    outcome = outcomeOf(call, error);
    throw error;
  } finally {
    const outrun = call.signal?.reason === OUTRUN;
    end(mine, index, policy, { outcome, began, outrun, ...(retryAfterMs !== undefined && { retryAfterMs }) }, now());
  }
}

/** Of many endpoints, those that an operator is told of. */
const MOST_SCORES = 8;

/** What the draw went by. */
const scores = ({ members }: Group, now: number) =>
  members.slice(0, MOST_SCORES).map((member) => ({
    address: member.address,
    weight: member.weight,
    usable: isUsable(member, now),
    underWay: underWay(member.inFlight, now),
    expectedMs: member.latency ? Math.round(expectedMs(member.latency, now)) : null,
  }));

const NONE: ReadonlySet<string> = new Set();

/** What the object reaches as an edge does: no binding, and no address that this edge would not call. */
const checkable = (endpoints: readonly Endpoint[], { allowReserved }: Outside): readonly string[] =>
  endpoints.filter((one) => one.kind === "url" && (allowReserved || !one.reserved)).map(addressOf);

const placeOf = (endpoint: Endpoint): Place => ({ ...endpoint, address: addressOf(endpoint) });

/** In the isolate's memory, so that the next configuration begins with what this one has learnt. */
function groupOf({ outside: { memory, now, zone } }: Call, policy: BalanceLayer, places: readonly Place[]): Group {
  const before = memory.groups.get(policy.group);
  if (before?.places === places) return before;
  return remember(memory.groups, policy.group, group(places, before, zone, policy.zones, now()));
}

/** The endpoint that a session leads to. */
function heldBy({ place: { endpoint }, tried }: Call, { members }: Group, now: number): number | undefined {
  if (endpoint === undefined || tried.includes(endpoint)) return undefined;
  const member = members[endpoint];
  return member && isUsable(member, now) ? endpoint : undefined;
}

/** The dates that `Retry-After` may have instead are too rare to be worth their parser here. */
const secondsOf = (text: string | null): number => (/^\d{1,6}$/.test(text ?? "") ? Number(text) : 0);

function keyOf(call: Call, { strategy }: BalanceLayer): number | undefined {
  if (strategy.kind !== "hash") return undefined;
  const text = valueOf(call, strategy.key);
  return text ? hashOf(text) : undefined;
}

function valueOf({ request, search, client }: Call, key: HashKey): string | null | undefined {
  switch (key.kind) {
    case "address":
      return client;
    case "header":
      return request.headers.get(key.name);
    case "cookie":
      return cookieValues(request.headers.get("cookie"), key.name)[0];
    case "query":
      return new URLSearchParams(search).get(key.name);
  }
}
