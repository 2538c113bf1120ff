import { describe, expect, it } from "vitest";
import type { CheckResponse } from "../../mesh/api.ts";
import { FakeControl, refusal } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";
import { edges, script } from "./shop.ts";

describe("history", () => {
  it.each([
    ["history", "history"],
    ["history-wide", "history --limit 5 -o wide"],
  ])("%s", async (golden, args) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(args, { control })).toMatchGolden(golden);
  });

  it("gives scripts milliseconds and a version", async () => {
    await using control = await FakeControl.start(script);
    const { stdout } = await selvedge("history -o json", { control });
    expect(JSON.parse(stdout)).toMatchObject({
      apiVersion: "cli.selvedge.dev/v1",
      kind: "History",
      items: [{ epoch: 12, at: expect.any(Number) }, { epoch: 11 }],
    });
  });

  it("says that there is none", async () => {
    await using control = await FakeControl.start({ "GET /v1/history": { body: { items: [] } } });
    expect(await selvedge("history", { control })).toMatchGolden("history-empty");
  });
});

describe("proxy-status", () => {
  it.each([
    ["proxy-status", "proxy-status"],
    ["proxy-status-wide", "ps -o wide"],
    ["proxy-status-json", "ps -o json"],
    ["proxy-status-yaml", "ps -o yaml"],
  ])("%s", async (golden, args) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(args, { control })).toMatchGolden(golden);
  });

  it("has no column for reasons when no edge refused", async () => {
    await using control = await FakeControl.start({
      "GET /v1/edges": { body: { ...edges(), edges: edges().edges.slice(0, 1) } },
    });
    expect(await selvedge("ps", { control })).toMatchGolden("proxy-status-healthy");
  });

  it("has a column for scopes when an edge has one", async () => {
    const [one, two] = edges().edges;
    await using control = await FakeControl.start({
      "GET /v1/edges": { body: { ...edges(), edges: [one, { ...two, scope: "namespace/shop" }] } },
    });
    expect(await selvedge("ps", { control })).toMatchGolden("proxy-status-scopes");
  });

  it("says that no edge has reported in", async () => {
    await using control = await FakeControl.start({ "GET /v1/edges": { body: { ...edges(), edges: [] } } });
    expect(await selvedge("ps", { control })).toMatchGolden("proxy-status-empty");
  });
});

describe("check", () => {
  const well: CheckResponse = {
    checks: [
      { category: "selvedge-state", description: "the Config object answers", result: "success" },
      { category: "selvedge-kv", description: "the pointer is epoch 12", result: "success" },
      {
        category: "selvedge-edges",
        description: "every edge runs epoch 12",
        result: "warning",
        error: "1 of 3 edges is at epoch 11",
        hint: "selvedge proxy-status",
      },
    ],
  };
  const broken: CheckResponse = {
    checks: [
      ...well.checks,
      {
        category: "selvedge-kv",
        description: "the snapshot's hash is right",
        result: "error",
        error: "sha256:00 is not sha256:ab",
        hint: "https://selvedge.dev/checks#kv-hash",
      },
    ],
  };

  it.each([
    ["check", "check", well],
    ["check-short", "check -o short", well],
    ["check-error", "check", broken],
    ["check-error-short", "check -o short", broken],
    ["check-error-json", "check -o json", broken],
  ])("%s", async (golden, args, body) => {
    await using control = await FakeControl.start({ "GET /v1/check": { body } });
    expect(await selvedge(args, { control })).toMatchGolden(golden);
  });

  it("is a failed check, and no more, when control does not answer", async () => {
    expect(await selvedge("check --control http://127.0.0.1:2")).toMatchGolden("check-unreachable");
  });

  it("tries again with --wait until all is well", async () => {
    let asked = 0;
    await using control = await FakeControl.start({ "GET /v1/check": () => ({ body: asked++ === 0 ? broken : well }) });
    const { code } = await selvedge("check --wait", { control });
    expect([code, asked]).toEqual([0, 2]);
  });

  it("gives up with --wait when time is up", async () => {
    await using control = await FakeControl.start({
      "GET /v1/check": refusal({ status: 500, code: "internal", title: "Broken" }),
    });
    const { code, stdout } = await selvedge("check --wait --timeout 200ms", { control });
    expect(code).toBe(1);
    expect(stdout).toContain("× control answers and accepts the token");
  });
});

describe("a plain answer from something else", () => {
  it.each([
    ["not-control", { status: 200, body: "<html>hello</html>" }],
    ["redirecting", { status: 302, headers: { location: "https://elsewhere.example/" }, body: "" }],
  ])("%s", async (golden, answer) => {
    await using control = await FakeControl.start({ "GET /v1/history": answer });
    expect(await selvedge("history", { control, cwd: folder({}) })).toMatchGolden(golden);
  });

  it("is not waited for longer than asked", async () => {
    await using control = await FakeControl.start({ "GET /v1/history": { silent: true } });
    const { stderr, code } = await selvedge("history --request-timeout 100ms", { control });
    expect(code).toBe(1);
    expect(stderr).toContain("no answer within 0.1 s");
  });
});
