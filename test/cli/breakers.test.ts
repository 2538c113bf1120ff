import { describe, expect, it } from "vitest";
import type { BreakersResponse } from "../../mesh/api.ts";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";

describe("breakers", () => {
  const items: BreakersResponse["items"] = [
    {
      kind: "breaker",
      circuit: "Service/shop/cart:80 by shop/careful",
      state: "closed",
      callers: 20,
      openIn: [
        { isolate: "1", edge: "edge" },
        { isolate: "2", edge: "edge" },
        { isolate: "3", edge: "" },
      ],
    },
    {
      kind: "breaker",
      circuit: "Service/shop/pay:80 by shop/careful",
      state: "open",
      forMs: 12_000,
      trips: 3,
      held: { to: "closed", forMs: 540_000 },
    },
    { kind: "breaker", circuit: "Service/shop/stock:80 by shop/careful", state: "closed", closedMs: 2000, trips: 1 },
    { kind: "breaker", circuit: "Service/shop/mail:80 by shop/careful", state: "unknown" },
    {
      kind: "fault-budget",
      circuit: "faults of shop/drill until 2026-12-01T00:00:00Z",
      state: "open",
      trips: 1,
      callers: 4,
    },
  ];
  const script = {
    "GET /v1/breakers": ({ path }: { path: string }) => {
      const name = new URL(path, "http://x").searchParams.get("name") ?? "";
      return { body: { epoch: 7, items: items.filter(({ circuit }) => circuit.includes(name)) } };
    },
    "POST /v1/breakers": { body: {} },
  };

  it.each([
    ["breakers", "breakers"],
    ["breakers-json", "breakers pay -o json"],
    ["breakers-none", "breakers nothing"],
    ["breakers-force-several", "breakers careful --force open"],
    ["breakers-force-unnamed", "breakers --force open"],
    ["breakers-force", "breakers pay --force closed --for 5m"],
  ])("%s", async (golden, line) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(line, { control })).toMatchGolden(golden);
  });

  it("forces the one that is meant, and lets it go", async () => {
    await using control = await FakeControl.start(script);
    await selvedge("breakers pay --force open --for 5m", { control });
    await selvedge("breakers pay --force none", { control });
    const circuit = items[1]!.circuit;
    expect(control.asked.filter(({ method }) => method === "POST").map(({ body }) => body)).toEqual([
      { circuit, to: "open", forMs: 300_000 },
      { circuit, to: "closed", forMs: 0 },
    ]);
  });
});
