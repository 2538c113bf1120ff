/** What the layers of one isolate remember between requests: plain data, lost with the isolate. */
export type Memory = Record<never, never>;

export const newMemory = (): Memory => ({});
