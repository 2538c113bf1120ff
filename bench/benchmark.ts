import type { Row } from "./row.ts";
import type { Stage } from "./stage.ts";

export type Context = {
  readonly pairs: number;
  /** Started when first asked for. */
  readonly stage: () => Promise<Stage>;
};

export type Benchmark = { readonly name: string; readonly run: (context: Context) => Promise<Row[]> };
