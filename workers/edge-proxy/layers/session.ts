import {
  cookieValues,
  formatToken,
  isAlive,
  nextToken,
  parseToken,
  setCookie,
  type Token,
} from "../../../mesh/policies/session.ts";
import { addressOf, type Backend, type Policy } from "../../../mesh/snapshot.ts";
import type { Call, MakeLayer, Place } from "../layer.ts";

type SessionLayer = Extract<Policy, { kind: "session" }>;

/** Of one rule: its cookie's or header's name, and the digests of its endpoints by share, forth and back. */
type Known = {
  readonly name: string;
  readonly ids: readonly (readonly string[])[];
  readonly places: ReadonlyMap<string, Place>;
};

/**
 * Gateway API's SessionPersistence: a call that brings a token of this rule goes where the token says, whatever the weights
 * say now, for as long as that endpoint exists; any other call is drawn as always, and its answer brings a token.
 */
export const session =
  (backends: readonly Backend[]): MakeLayer<"session"> =>
  (policy) => {
    let made: Known | undefined;
    return (next) => async (call) => {
      // Several first requests may each work it out: they come to the same, and none waits for another.
      const known = (made ??= await knownOf(backends, policy));
      const now = call.outside.now();
      const held = heldBy(call, policy, known, now);
      if (held) call.place = known.places.get(held.id)!; // heldBy looked it up
      const response = await next(call);
      const { share, endpoint } = call.place;
      const id = share === undefined || endpoint === undefined ? undefined : known.ids[share]?.[endpoint];
      const token = id === undefined ? undefined : nextToken(held, id, policy, call.outside.now());
      return token ? withToken(response, call, policy, known.name, token) : response;
    };
  };

/** The first token of the call's that is alive and names an endpoint of this rule. */
function heldBy({ request: { headers } }: Call, policy: SessionLayer, { name, places }: Known, now: number) {
  const values =
    policy.carrier.kind === "cookie" ? cookieValues(headers.get("cookie"), name) : [headers.get(name) ?? ""];
  return values.map(parseToken).find((token) => token && places.has(token.id) && isAlive(token, policy, now));
}

function withToken(response: Response, call: Call, policy: SessionLayer, name: string, token: Token): Response {
  // What fetch returned is immutable.
  const changed = new Response(response.body, response);
  if (policy.carrier.kind === "header") changed.headers.set(name, formatToken(token, policy));
  else {
    const secure = call.scheme === "https";
    const about = { path: call.folder, secure, now: call.outside.now() };
    changed.headers.append("set-cookie", setCookie(name, token, policy, about));
  }
  return changed;
}

async function knownOf(backends: readonly Backend[], { scope, shares, carrier }: SessionLayer): Promise<Known> {
  const ids = await Promise.all(
    shares.map(async (index) => {
      const backend = index === null ? undefined : backends[index];
      return Promise.all((backend?.endpoints ?? []).map((one) => digest([scope, backend?.name ?? "", addressOf(one)])));
    }),
  );
  const places = ids.flatMap((list, share) => list.map((id, endpoint) => [id, { share, endpoint }] as const));
  const name = carrier.name ?? `session-${(await digest([scope])).slice(0, 8)}`;
  // Of endpoints that stand twice the first is found again.
  return { name, ids, places: new Map(places.toReversed()) };
}

/** 128 bits of SHA-256, in letters that a cookie may hold. */
async function digest(parts: readonly string[]): Promise<string> {
  const whole = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(parts)));
  return btoa(String.fromCharCode(...new Uint8Array(whole).subarray(0, 16)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
