import { z } from "zod";

/** Of a Gateway, a ListenerSet or one of their listeners: it is decided before it is known which route a path leads to. */
export const path = z.strictObject({
  /** What becomes of a path that two parties could read in two ways (mesh/canonical-path.ts). */
  ambiguous: z.enum(["Refuse", "Resolve", "Keep"]).default("Refuse"),
});
