import { describe, expect, it } from "vitest";
import { columnsOf } from "../../cli/columns.ts";
import { specOf } from "../../cli/fields.ts";
import type { Resource } from "../../mesh/resources/resource.ts";

const cell = (kind: string, header: string, status: object | undefined): string | undefined => {
  const resource = { apiVersion: "v1", kind, metadata: { name: "a" }, ...(status && { status }) } as Resource;
  return columnsOf(kind, true)
    .find((column) => column.header === header)
    ?.cell(specOf(resource), resource);
};

const said = (...statuses: string[]) =>
  statuses.map((status) => ({
    conditions: [{ type: "Accepted", status, reason: status === "True" ? "Accepted" : "No" }],
  }));

describe("a column of status", () => {
  it.each<[string, string, string, object | undefined, string]>([
    ["of a route that all parents take", "HTTPRoute", "ACCEPTED", { parents: said("True", "True") }, "True"],
    ["of one that none takes", "HTTPRoute", "ACCEPTED", { parents: said("False", "False") }, "False"],
    ["of one that some take", "HTTPRoute", "ACCEPTED", { parents: said("True", "False", "False") }, "1/3"],
    ["of one without parents", "HTTPRoute", "ACCEPTED", { parents: [] }, ""],
    ["of one that cannot be carried", "GRPCRoute", "ACCEPTED", { parents: said("False") }, "False"],
    ["of a policy by its targets", "RateLimitPolicy", "ACCEPTED", { ancestors: said("True", "False") }, "1/2"],
    ["of reasons for what is not so", "HTTPRoute", "REASON", { parents: said("True", "False") }, "No"],
    [
      "of reasons for what is so and should not be",
      "HTTPRoute",
      "REASON",
      { parents: [{ conditions: [{ type: "PartiallyInvalid", status: "True", reason: "UnsupportedValue" }] }] },
      "UnsupportedValue",
    ],
    [
      "of routes, listener by listener",
      "Gateway",
      "ATTACHED ROUTES",
      { listeners: [{ attachedRoutes: 2 }, { attachedRoutes: 2 }, { attachedRoutes: 0 }] },
      "2,2,0",
    ],
    ["of a Gateway's addresses", "Gateway", "ADDRESS", { addresses: [{ value: "a" }, { value: "b" }] }, "a,b"],
    [
      "of a ListenerSet",
      "ListenerSet",
      "PROGRAMMED",
      { conditions: [{ type: "Programmed", status: "False" }] },
      "False",
    ],
    ["of an IdempotencyPolicy that says nothing of its mode", "IdempotencyPolicy", "MODE", {}, "Optional"],
    ["from a control plane without status", "Gateway", "PROGRAMMED", undefined, ""],
  ])("%s", (_, kind, header, status, expected) => {
    expect(cell(kind, header, status)).toBe(expected);
  });
});
