import { expect, it, vi } from "vitest";
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

it("a copy that its mirror's policies do not admit is not sent, and the call goes on", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const closed = { name: "a/closed", action: "ALLOW", trustedProxies: 0, rules: [] } as const;
  const open = { ...closed, name: "a/open", rules: [{ name: "0", parts: [] }] } as const;
  const call = callWith({});
  const layer = authorize({
    kind: "authorize",
    groups: [],
    mirrors: [
      { backend: 1, name: "Backend/a/open", groups: [[open]] },
      { backend: 2, name: "Backend/a/closed", groups: [[closed]] },
    ],
  });
  const response = await layer(() => Promise.resolve(new Response("primary")))(call);
  expect([await response.text(), call.unmirrored]).toEqual(["primary", [2]]);
  expect(log.mock.calls.map(([line]) => JSON.parse(String(line)) as object)).toMatchObject([
    { authorization: { policy: "a/closed", mirror: "Backend/a/closed", count: 1 } },
  ]);
  log.mockRestore();
});
