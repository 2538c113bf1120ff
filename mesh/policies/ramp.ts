/** What an endpoint or a backend gets at once when it is new or back: caches are cold, pools are empty. Envoy's slow start. */
const LEAST = 0.1;

/** The share of its traffic that is due after `ageMs`, LEAST to 1: linear over `windowMs`, and whole where there is no window. */
export const ramp = (ageMs: number, windowMs: number): number =>
  windowMs > 0 && ageMs < windowMs ? Math.max(LEAST, ageMs / windowMs) : 1;
