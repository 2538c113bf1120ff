/** A JSON Web Key Set (RFC 7517): public keys alone. */
export type KeySet = { readonly keys: readonly Jwk[] };
export type Jwk = Readonly<Record<string, string | boolean | readonly string[]>>;
