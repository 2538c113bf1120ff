import { describe, expect, it } from "vitest";
import type { MirrorsResponse } from "../../mesh/api.ts";
import { FakeControl } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";

describe("mirrors", () => {
  const at = Date.now() - 3 * 86_400_000;
  const differences = [
    { at: "/total", primary: "100", mirror: "99" },
    { at: "header content-type", primary: '"application/json"', mirror: "absent" },
  ];
  const items: MirrorsResponse["items"] = [
    {
      rule: "shop/cart/read",
      mirror: "Service/shop/cart-next:80",
      same: 970,
      different: 30,
      failed: 4,
      uncompared: 11,
      at,
      samples: [{ at, method: "GET", path: "/carts/7", differences }],
    },
    {
      rule: "shop/pay/0",
      mirror: "Backend/shop/next",
      same: 5,
      different: 0,
      failed: 0,
      uncompared: 0,
      at,
      samples: [],
    },
  ];
  const script = {
    "GET /v1/mirrors": ({ path }: { path: string }) => {
      const name = new URL(path, "http://x").searchParams.get("name") ?? "";
      return { body: { items: items.filter(({ rule }) => rule.includes(name)), missing: name === "pay" ? 1 : 0 } };
    },
  };

  it.each([
    ["mirrors", "mirrors"],
    ["mirrors-missing", "mirrors pay"],
    ["mirrors-none", "mirrors nothing"],
  ])("%s", async (golden, line) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(line, { control })).toMatchGolden(golden);
  });

  it("shows the samples to whoever wants JSON", async () => {
    await using control = await FakeControl.start(script);
    const { stdout } = await selvedge("mirrors cart -o json", { control });
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ samples: [{ path: "/carts/7", differences }] }], missing: 0 });
  });
});
