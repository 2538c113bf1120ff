import { claimText, type Place, type Provider, tokenAt, withoutCookie } from "../../../mesh/policies/authenticate.ts";
import type { Claims } from "../../../mesh/policies/authorize-clause.ts";
import { keySet, newerKeySet, RETRY_KEYS_MS } from "../key-sets.ts";
import { type Call, Denied, type Handler, type MakeLayer } from "../layer.ts";
import { claimedIssuer, keep, recall, type Verified, verify } from "../token.ts";

/** A place where tokens may stand, and the providers that look there. */
type Looked = { readonly place: Place; readonly providers: readonly Provider[] };
type Carried = Looked & { readonly token: string };
type Accepted = { readonly provider: Provider; readonly claims: Claims };

/**
 * AuthenticationPolicy. Every token in a place where a provider looks must be good, or the request is refused; a request without a
 * token goes on, unless the policy requires one. A token that was verified before costs a look into a map, and waits for nothing.
 */
export const authenticate: MakeLayer<"authenticate"> = ({ required, providers }) => {
  const places = placesOf(providers);
  const claimHeaders = providers.flatMap((provider) => provider.claimHeaders.map(({ header }) => header));
  return (next) => (call) => {
    // What the mesh alone may say, nobody else says.
    for (const header of claimHeaders) call.headers.delete(header);
    const carried = tokensOf(call, places);
    if (carried.length === 0)
      return required ? Promise.reject(new Denied({ cause: "unauthorized", presented: false })) : next(call);
    const known = carried.map((one) => remembered(call, one));
    if (known.includes(undefined)) return afterChecking(next, call, carried);
    known.forEach((accepted, index) => take(call, carried[index]!, accepted!)); // one for each, none undefined
    return next(call);
  };
};

async function afterChecking(next: Handler, call: Call, carried: readonly Carried[]): Promise<Response> {
  for (const one of carried) take(call, one, remembered(call, one) ?? (await check(call, one)));
  return next(call);
}

function placesOf(providers: readonly Provider[]): Looked[] {
  const looks = providers.flatMap((provider) => provider.from.map((place) => ({ place, provider })));
  return [...Map.groupBy(looks, ({ place }) => JSON.stringify(place)).values()].map((same) => ({
    place: same[0]!.place, // a group has a member
    providers: same.map(({ provider }) => provider),
  }));
}

function tokensOf({ request, search }: Call, places: readonly Looked[]): Carried[] {
  const carriers = {
    header: (name: string) => request.headers.get(name),
    query: (name: string) => new URLSearchParams(search).getAll(name),
  };
  return places.flatMap((looked) => {
    const token = tokenAt(looked.place, carriers);
    return token === undefined ? [] : { ...looked, token };
  });
}

function remembered(call: Call, { providers, token }: Carried): Accepted | undefined {
  const { memory, now } = call.outside;
  for (const provider of providers) {
    const claims = recall(memory, keeperOf(call, provider), token, now());
    if (claims) return { provider, claims };
  }
  return undefined;
}

/** A token counts as verified by one provider of one configuration. */
const keeperOf = ({ pinned }: Call, { name }: Provider): string => `${pinned.epoch} ${pinned.hash} ${name} `;

/** Throws Denied for a token that none of the providers of its issuer accepts. */
async function check(call: Call, { providers, token }: Carried): Promise<Accepted> {
  const issuer = claimedIssuer(token);
  for (const provider of providers.filter((one) => one.issuer === issuer)) {
    const verified = await verifyBy(call, provider, token);
    if ("refused" in verified) continue;
    const { claims } = verified;
    keep(call.outside.memory, keeperOf(call, provider), token, claims, call.outside.now());
    return { provider, claims };
  }
  throw new Denied({ cause: "unauthorized", presented: true });
}

async function verifyBy({ outside }: Call, provider: Provider, token: string): Promise<Verified> {
  const { keys, issuer, audiences, skewMs } = provider;
  const expected = { issuer, audiences, skewMs };
  if (keys.kind === "inline") return verify(token, keys.jwks, expected, outside.now());
  const known = await keySet(keys.url, outside);
  const verified = known && (await verify(token, known, expected, outside.now()));
  if (verified && !("refused" in verified && verified.refused === "unknown-key")) return verified;
  const newer = known && (await newerKeySet(keys.url, outside));
  if (!newer) throw new Denied({ cause: "keys-unavailable", retryAfterMs: RETRY_KEYS_MS });
  return newer === known ? verified! : verify(token, newer, expected, outside.now()); // known was verified with
}

/** What the token says goes on in headers; the token itself does where its policy says so. */
function take(call: Call, { place }: Carried, { provider, claims }: Accepted): void {
  call.claims ??= claims;
  for (const { header, claim } of provider.claimHeaders) {
    const text = claimText(claims, claim);
    if (text !== undefined) call.headers.set(header, text);
  }
  if (provider.forward) return;
  switch (place.kind) {
    case "header":
      return call.headers.delete(place.name);
    case "cookie": {
      const left = withoutCookie(call.headers.get("cookie") ?? "", place.name);
      return left === null ? call.headers.delete("cookie") : call.headers.set("cookie", left);
    }
    case "query": {
      const query = call.search.slice(1).split("&");
      const left = query.filter((pair) => !new URLSearchParams(pair).has(place.name)).join("&");
      call.search = left === "" ? "" : `?${left}`;
    }
  }
}
