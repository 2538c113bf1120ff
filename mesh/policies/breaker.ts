/** When a circuit opens and closes; every duration in milliseconds. */
export type BreakerPolicy = {
  readonly failures: number;
  /** 0 to 1. */
  readonly failureRatio: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly probes: number;
};
