/** The conformance harness over a mesh of its own: that it passes what is so, fails what is not, and skips what cannot be. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { Case, CaseRequest, Expected, Target } from "../conformance/case.ts";
import { run, type Verdict } from "../conformance/run.ts";

const FOLDER = fileURLToPath(new URL("../conformance/example/", import.meta.url));

const gateway = (name: string, port = 80, scheme: "http" | "https" = "http"): Target => ({
  mode: "gateway",
  gateway: { namespace: "infra", name },
  port,
  scheme,
});
const from = (namespace: string): Target => ({
  mode: "mesh",
  scheme: "http",
  client: { namespace, workload: "client" },
  service: { namespace: "infra", name: "echo", port: 8080 },
});
const echo = { namespace: "infra", name: "echo" };

const caseOf = (id: string, target: Target, expected: Expected, more: Partial<CaseRequest & Case> = {}): Case => ({
  id,
  title: id,
  mode: target.mode,
  group: "example",
  features: ["Gateway"],
  level: "core",
  channel: "standard",
  requires: more.requires ?? [],
  manifests: ["manifests.yaml"],
  requests: [{ name: id, target, host: "shop.test:8080", method: "GET", path: "/a?b=c", expected, ...more }],
  ...(more.applyFirst && { applyFirst: more.applyFirst }),
});

const cases: readonly Case[] = [
  caseOf("host", gateway("one"), {
    status: [200],
    backend: echo,
    backendRequest: { host: "shop.test:8080", path: "/a?b=c", method: "GET", headers: { "X-Forwarded-Proto": "http" } },
  }),
  caseOf("scheme", gateway("one", 443, "https"), {
    status: [200],
    backendRequest: {
      headers: { "X-Forwarded-Proto": "https", Forwarded: 'for=127.0.0.1;host="shop.test:8080";proto=https' },
    },
  }),
  caseOf(
    "redirect",
    gateway("one", 443, "https"),
    { status: [302], backend: "none", redirect: { scheme: "https", host: "shop.test", port: null, path: "/here" } },
    { host: "shop.test", path: "/moved" },
  ),
  caseOf("the other gateway of the port", gateway("two"), { status: [404], backend: "none" }),
  caseOf("consumer", from("shop"), { status: [200], backend: echo, response: { headers: { "X-Consumer": "yes" } } }),
  caseOf("producer", from("infra"), { status: [200], backend: echo, response: { absentHeaders: ["X-Consumer"] } }),
  caseOf(
    "patched",
    gateway("one"),
    { status: [500], backend: "none" },
    {
      applyFirst: [
        {
          op: "patch",
          resource: { kind: "HTTPRoute", namespace: "infra", name: "echo" },
          jsonPatch: [{ op: "replace", path: "/spec/rules/0/backendRefs/0/name", value: "gone" }],
        },
      ],
    },
  ),
  caseOf("as before", gateway("one"), { status: [200], backend: echo }),
  caseOf("wrong", gateway("one"), { status: [404] }),
  caseOf("too much", gateway("one"), { status: [200] }, { requires: ["grpc"] }),
];

it("judges what a real edge does", async () => {
  const verdicts: Verdict[] = [];
  await run(FOLDER, cases, "edge", (verdict) => verdicts.push(verdict));
  const unlike = verdicts.filter(({ outcome }) => outcome !== "passed");
  expect(unlike.map(({ id, outcome, reasons }) => [id, outcome, ...reasons])).toEqual([
    ["wrong", "failed", "status: wanted 404, got 200"],
    ["too much", "skipped", expect.stringContaining("gRPC needs HTTP/2")],
  ]);
  expect(verdicts).toHaveLength(cases.length);
});
