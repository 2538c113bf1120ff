/** What is wrong at the moment. Faults set it, and everything that can go wrong asks it. */
export type Weather = {
  /** Part of the messages to and from objects that is lost. */
  loss: number;
  /** Part of the messages to objects that arrives twice. */
  duplicates: number;
  objects: "up" | "unreachable" | "overloaded";
  /** The edge that alone reaches no object. */
  cutOff: string;
  /** What happens as soon as the next probes go out, and to how many of them. */
  atProbes: { readonly does: "kill the edge" | "reset the object"; left: number };
  /** On top of each message's way. Milliseconds. */
  slowMs: number;
  kv: "up" | "down" | "losing writes" | "corrupt";
  /** How late a place sees what another wrote, at most. Milliseconds. */
  kvLagMs: number;
  /** By endpoint (`service/index`); those that are not here are well. */
  readonly endpoints: Map<string, Illness>;
};

/** What is the matter with an endpoint: `lossy` does what it is asked to and then drops the connection; `unsteady` hangs, fails or breaks off, by chance. */
export type Illness = "dead" | "slow" | "failing" | "lossy" | "flapping" | "hanging" | "unsteady";

export const fairWeather = (): Weather => ({
  loss: 0,
  duplicates: 0,
  objects: "up",
  cutOff: "",
  atProbes: { does: "kill the edge", left: 0 },
  slowMs: 0,
  kv: "up",
  kvLagMs: 1000,
  endpoints: new Map(),
});
