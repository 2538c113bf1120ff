import { describe, expect, it } from "vitest";
import type { EdgesResponse } from "../../mesh/api.ts";
import { FakeControl, refusal, type Script } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";
import { changed, edges } from "./shop.ts";

const follow = ({ edges: all, ...pointer }: EdgesResponse): EdgesResponse => ({
  ...pointer,
  edges: all.map(({ nack: _nack, ...edge }) => ({ ...edge, epoch: pointer.epoch, hash: pointer.hash })),
});

/** `/v1/edges` answers with each in turn, then keeps to the last. */
function applying(...turns: readonly EdgesResponse[]): Script {
  let turn = 0;
  return {
    "POST /v1/apply": { body: { ...changed, problems: [] } },
    "GET /v1/edges": () => ({ body: turns[Math.min(turn++, turns.length - 1)] }),
  };
}

describe("--wait", () => {
  it("returns when the last edge has followed", async () => {
    await using control = await FakeControl.start(applying(edges(), edges(), follow(edges())));
    expect(await selvedge("apply -f - --wait", { control })).toMatchGolden("wait");
    expect(control.asked.map(({ path }) => path)).toEqual(["/v1/apply", "/v1/edges", "/v1/edges", "/v1/edges"]);
  });

  it("lists those which have not followed and those which refused, when time is up", async () => {
    await using control = await FakeControl.start(applying(edges()));
    expect(await selvedge("apply -f - --wait --timeout 600ms", { control })).toMatchGolden("wait-timeout");
  });

  it("counts an edge that is already further", async () => {
    const ahead = follow(edges());
    await using control = await FakeControl.start(
      applying({ ...ahead, edges: ahead.edges.map((edge) => ({ ...edge, epoch: 13, hash: "later" })) }),
    );
    const { code } = await selvedge("apply -f - --wait --timeout 600ms", { control });
    expect(code).toBe(0);
  });

  it("says plainly that no edge has reported in", async () => {
    await using control = await FakeControl.start(applying({ ...edges(), edges: [] }));
    expect(await selvedge("apply -f - --wait", { control })).toMatchGolden("wait-no-edges");
  });

  it("outlives a control plane that is away for a moment", async () => {
    let asked = 0;
    await using control = await FakeControl.start({
      ...applying(follow(edges())),
      "GET /v1/edges": () =>
        asked++ === 0 ? refusal({ status: 503, code: "unavailable", title: "Restarting" }) : { body: follow(edges()) },
    });
    const { code } = await selvedge("apply -f - --wait", { control });
    expect(code).toBe(0);
  });

  it("fails with control's reason when it stays away", async () => {
    await using control = await FakeControl.start({
      ...applying(edges()),
      "GET /v1/edges": refusal({ status: 503, code: "unavailable", title: "Restarting" }),
    });
    expect(await selvedge("apply -f - --wait --timeout 300ms", { control })).toMatchGolden("wait-unavailable");
  });
});
