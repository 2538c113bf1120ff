/** What an edge signs of a request, by HTTP Message Signatures (RFC 9421). */

/** The name of the mesh's signature among others that a request may have, and what it is for. */
export const SIGNATURE_LABEL = "selvedge";
/** How long it is good, in milliseconds. */
const SIGNATURE_MS = 60_000;

export type Signed = {
  readonly method: string;
  /** As the service gets them: `/cart`, and `?a=1` or nothing. */
  readonly path: string;
  readonly search: string;
  /** By name in lower case, those that are covered: each has a value. */
  readonly fields: readonly (readonly [name: string, value: string])[];
};

/**
 * The member of `Signature-Input` and the signature base that it stands for (§2.3, §2.5). `created` is in seconds since 1970. The
 * authority is not covered: fetch and proxies in front of a service change it, and the assertion, which is covered, names the service.
 */
export function signatureBase(
  { method, path, search, fields }: Signed,
  keyid: string,
  created: number,
): { readonly input: string; readonly base: string } {
  const components: readonly (readonly [name: string, value: string])[] = [
    ["@method", method],
    ["@path", path],
    ["@query", search || "?"],
    ...fields,
  ];
  const names = components.map(([name]) => `"${name}"`).join(" ");
  const expires = created + SIGNATURE_MS / 1000;
  const params = `(${names});created=${created};expires=${expires};keyid="${keyid}";alg="ecdsa-p256-sha256";tag="${SIGNATURE_LABEL}"`;
  const lines = components.map(([name, value]) => `"${name}": ${value.trim()}\n`).join("");
  return { input: params, base: `${lines}"@signature-params": ${params}` };
}
