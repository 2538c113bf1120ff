/** The Workers of this folder as JavaScript. */
import { bundleFile } from "../local/bundle.ts";

export type BenchWorker = "bare" | "hono" | "one-object" | "upstream";

export const bundled = (worker: BenchWorker): Promise<string> => bundleFile(`bench/workers/${worker}.ts`);
