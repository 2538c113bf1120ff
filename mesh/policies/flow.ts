/** How much of something comes in a millisecond: a shot-noise average over the last seconds, changed in place. */
export type Flow = { value: number; at: number };

const TAU_MS = 3000;

export const noFlow = (now: number): Flow => ({ value: 0, at: now });

export function addTo(flow: Flow, amount: number, now: number): void {
  const passed = now - flow.at;
  if (passed > 0) {
    flow.value *= Math.exp(-passed / TAU_MS);
    flow.at = now;
  }
  flow.value += amount / TAU_MS;
}

/** A young flow is told low rather than high: guesses of thousands of isolates would add up to a demand that nobody has. */
export const perMsOf = ({ value, at }: Flow, now: number): number =>
  now > at ? value * Math.exp(-(now - at) / TAU_MS) : value;
