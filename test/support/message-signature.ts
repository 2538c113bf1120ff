/** A service's side of HTTP Message Signatures (RFC 9421), written apart from the mesh's own, which it judges. */
import { type CryptoKey, importJWK, type JWK } from "jose";
import { type Item, parseDictionary, serializeInnerList, type InnerList } from "structured-headers";

export type Received = {
  readonly method: string;
  /** The request target: `/a?b`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** The parameters of the signature of that label, if it holds for the request as it was received. */
export async function verified(
  { method, url, headers }: Received,
  label: string,
  keys: readonly JWK[],
): Promise<ReadonlyMap<string, unknown> | undefined> {
  const inputs = parseDictionary(String(headers["signature-input"]));
  const [value] = parseDictionary(String(headers["signature"])).get(label) as Item;
  const covered = inputs.get(label) as InnerList;
  const [components, params] = covered;
  const query = url.indexOf("?");
  const valueOf = (name: string): string => {
    if (name === "@method") return method;
    if (name === "@path") return query < 0 ? url : url.slice(0, query);
    if (name === "@query") return query < 0 ? "?" : url.slice(query);
    return String(headers[name]);
  };
  const lines = components.map(([name]) => `"${String(name)}": ${valueOf(String(name))}\n`);
  const base = `${lines.join("")}"@signature-params": ${serializeInnerList(covered)}`;
  const jwk = keys.find(({ kid }) => kid === params.get("keyid"));
  if (!jwk || !(value instanceof ArrayBuffer)) return undefined;
  const key = (await importJWK(jwk, "ES256")) as CryptoKey;
  const holds = await crypto.subtle.verify(
    { name: "ECDSA", hash: "SHA-256" },
    key,
    value,
    new TextEncoder().encode(base),
  );
  return holds ? params : undefined;
}
