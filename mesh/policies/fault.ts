/** Faults on purpose: which of them a call meets. Shares are more than 0 and at most 1. */
export type Fault = {
  /** Milliseconds since 1970: none from then on. */
  readonly until: number;
  /** The call's headers, by lower-case name. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** SPIFFE IDs; absent for anyone. */
  readonly callers?: readonly string[];
  readonly delay?: { readonly share: number; readonly ms: number };
  readonly abort?: { readonly share: number; readonly status: number };
  readonly reset?: { readonly share: number };
  readonly bandwidth?: { readonly share: number; readonly bytesPerSecond: number };
  readonly truncate?: { readonly share: number; readonly afterBytes: number };
};

const FAULTS = ["delay", "abort", "reset", "bandwidth", "truncate"] as const;
export type FaultKind = (typeof FAULTS)[number];

/** The faults that this call meets, drawn each by itself; `random` gives 0 up to, not including, 1. */
export const draw = (fault: Fault, random: () => number): FaultKind[] =>
  FAULTS.filter((kind) => {
    const { share = 0 } = fault[kind] ?? {};
    return share > 0 && random() < share;
  });

/** Whether the fault is meant for this call. `caller` is its SPIFFE ID, if it is proven. */
export const isMeant = (
  { until, headers, callers }: Fault,
  header: (name: string) => string | null,
  caller: string | undefined,
  now: number,
): boolean =>
  now < until &&
  headers.every(({ name, value }) => header(name) === value) &&
  (callers === undefined || (caller !== undefined && callers.includes(caller)));
