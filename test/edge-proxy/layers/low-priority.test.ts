import { expect, it } from "vitest";
import { Denied } from "../../../workers/edge-proxy/layer.ts";
import { lowPriority } from "../../../workers/edge-proxy/layers/low-priority.ts";
import { callWith } from "./call.ts";

it.each([
  [false, 200],
  [true, "overloaded"],
])("in an isolate that is crowded (%s), a request of low priority gets %s", async (crowded, expected) => {
  const run = lowPriority({ kind: "low-priority" })(async () => new Response());
  const got = await run(callWith({ isCrowded: () => crowded })).then(
    ({ status }) => status,
    (error: unknown) => error instanceof Denied && error.denial.cause,
  );
  expect(got).toBe(expected);
});
