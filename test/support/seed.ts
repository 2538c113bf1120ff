/**
 * Property tests run on one seed, so that a red run means a change and not bad luck. `SEED=123 npx vitest run …` tries another,
 * and a failure prints the one it used.
 */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["SEED"] ?? 20_261_123) });
