import { z } from "zod";
import { duration, headerName } from "../parts.ts";

/** What consistent hashing goes by. A request that has no such thing goes anywhere. */
const hashKey = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ClientAddress") }),
  z.strictObject({ type: z.literal("Header"), name: headerName }),
  z.strictObject({ type: z.literal("Cookie"), name: headerName }),
  z.strictObject({ type: z.literal("QueryParam"), name: z.string().min(1).max(256) }),
]);

/** Which endpoint of a backend a request goes to. */
export const loadBalancing = z
  .strictObject({
    strategy: z.enum(["PeakEWMA", "LeastRequest", "RoundRobin", "Random", "ConsistentHash"]).default("PeakEWMA"),
    hash: hashKey.optional(),
    /** For ConsistentHash: no endpoint has more requests under way than so many times its fair share. */
    maxLoadFactor: z.number().min(1.05).max(10).optional(),
    /** For so long an endpoint that is new, or back, gets less than its share. */
    slowStart: duration.default("0s"),
    /** Where fewer of a priority's endpoints are well, and the others cannot carry the traffic, health is ignored. */
    panicThreshold: z.number().min(0).max(1).default(0.5),
    /** Endpoints in the edge's own zone first. */
    preferZone: z.boolean().default(true),
  })
  .refine(({ strategy, hash }) => (strategy === "ConsistentHash") === (hash !== undefined), {
    path: ["hash"],
    message: "is what ConsistentHash goes by: it needs one, and nothing else takes one",
  })
  .refine(({ strategy, maxLoadFactor }) => strategy === "ConsistentHash" || maxLoadFactor === undefined, {
    path: ["maxLoadFactor"],
    message: "bounds ConsistentHash alone; the other strategies spread load as it is",
  });
