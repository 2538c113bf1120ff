import { expect, it } from "vitest";
import { authorize } from "../../../workers/edge-proxy/layers/authorize.ts";
import { callWith } from "./call.ts";

it("a header with an underscore does not pass where headers may have been decided by", async () => {
  const call = callWith({});
  call.headers.set("x_role", "admin");
  call.headers.set("x-role", "user");
  await authorize({ kind: "authorize", groups: [] })((passed) =>
    Promise.resolve(new Response(JSON.stringify([...passed.headers]))),
  )(call);
  expect([call.headers.has("x_role"), call.headers.get("x-role")]).toEqual([false, "user"]);
});
