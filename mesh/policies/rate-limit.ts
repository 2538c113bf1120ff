/** One named limit. A bucket of depth `burst` that refills by `requests` every `windowMs`; one bucket for each key. */
export type RateLimit = {
  /** `namespace/policy/limit`: with the key's values it names the bucket's object. */
  readonly name: string;
  readonly key: readonly KeyPart[];
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly onUnavailable: "share" | "deny" | "allow";
};

export type KeyPart = { readonly type: "ClientAddress" } | { readonly type: "Header"; readonly name: string };
