import { describe, expect, it } from "vitest";
import type { ApplyRequest, DeleteRequest } from "../../mesh/api.ts";
import { FakeControl, refusal } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";
import { changed, history, script, unchanged } from "./shop.ts";

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: shop }
spec: { ports: [{ port: 8080 }] }
`;

describe("apply", () => {
  it("prints kubectl's line for each object, warnings and the epoch apart", async () => {
    await using control = await FakeControl.start(script);
    expect(await selvedge("apply -f shop.yaml", { control, cwd: folder({ "shop.yaml": SERVICE }) })).toMatchGolden(
      "apply",
    );
  });

  it("sends each file once, a directory in sorted order, and stdin under its name", async () => {
    await using control = await FakeControl.start(script);
    const cwd = folder({
      "shop/b.yml": "b",
      "shop/a/z.json": "z",
      "shop/a.yaml": "a",
      "shop/notes.md": "no",
      "one.yaml": "1",
    });
    const args = [
      "apply",
      "-f",
      "one.yaml",
      "-f",
      "shop",
      "-f",
      "shop/a.yaml",
      "-f",
      "-",
      "-m",
      "two words",
      "--prune",
      "--if-match",
      "11",
    ];
    const { code } = await selvedge(args, { control, cwd, stdin: "in" });
    expect(code).toBe(0);
    const [asked] = control.asked;
    const { author, ...body } = (asked?.body as Partial<ApplyRequest> | undefined) ?? {};
    expect(author).toEqual(expect.any(String));
    expect(body).toEqual({
      files: [
        { name: "one.yaml", text: "1" },
        { name: "shop/a.yaml", text: "a" },
        { name: "shop/a/z.json", text: "z" },
        { name: "shop/b.yml", text: "b" },
        { name: "<stdin>", text: "in" },
      ],
      prune: true,
      dryRun: false,
      message: "two words",
    });
    expect(asked?.headers["if-match"]).toBe('"11"');
  });

  it("says of a dry run that it was one", async () => {
    await using control = await FakeControl.start({
      "POST /v1/apply": { body: { ...changed, epoch: 11, problems: [] } },
    });
    expect(await selvedge("apply -f - --dry-run --wait", { control, stdin: SERVICE })).toMatchGolden("apply-dry-run");
    expect(control.asked.map(({ body }) => (body as ApplyRequest).dryRun)).toEqual([true]);
  });

  it("takes nothing to do for a success", async () => {
    await using control = await FakeControl.start({ "POST /v1/apply": { body: unchanged } });
    expect(await selvedge("apply -f -", { control, stdin: SERVICE })).toMatchGolden("apply-unchanged");
  });

  it("shows every problem that control found, in order, and exits 65", async () => {
    const at = (line: number) => ({ file: "shop.yaml", line, col: 3 });
    const problems = [
      {
        severity: "error",
        code: "unknown-key",
        resource: "Service shop/catalog",
        path: "spec.prots",
        at: at(9),
        message: 'unknown key "prots"',
        fix: "did you mean ports?",
      },
      { severity: "error", code: "yaml-syntax", at: at(2), message: "Map keys must be unique" },
      { severity: "warning", code: "not-carried", message: "Deployment is passed over" },
    ] as const;
    await using control = await FakeControl.start({
      "POST /v1/apply": refusal({
        status: 422,
        code: "invalid-configuration",
        title: "Invalid configuration",
        problems,
      }),
    });
    expect(await selvedge("apply -f -", { control, stdin: SERVICE })).toMatchGolden("apply-422");
  });

  it("says which epoch is in force when it is not the one expected", async () => {
    await using control = await FakeControl.start({
      "POST /v1/apply": refusal({ status: 412, code: "epoch-mismatch", title: "Another epoch is in force", epoch: 14 }),
    });
    expect(await selvedge("apply -f - --if-match 11", { control, stdin: SERVICE })).toMatchGolden("apply-412");
  });

  it.each([
    ["apply-no-such-file", "apply -f nope.yaml"],
    ["apply-empty-directory", "apply -f ."],
    ["apply-without-files", "apply"],
    ["apply-bad-epoch", "apply -f - --if-match latest"],
  ])("%s", async (golden, args) => {
    await using control = await FakeControl.start(script);
    expect(await selvedge(args, { control })).toMatchGolden(golden);
    expect(control.asked).toEqual([]);
  });
});

describe("delete", () => {
  const answer = {
    body: {
      ...changed,
      problems: [],
      results: [{ kind: "HTTPRoute", namespace: "shop", name: "storefront", action: "deleted" }],
    },
  };

  it.each([
    ["delete httproute storefront -n shop", [{ kind: "HTTPRoute", namespace: "shop", name: "storefront" }]],
    [
      "delete svc/catalog ns/shop -n shop",
      [
        { kind: "Service", namespace: "shop", name: "catalog" },
        { kind: "Namespace", name: "shop" },
      ],
    ],
    ["delete -f -", [{ kind: "Service", namespace: "shop", name: "catalog" }]],
  ])("%s names what to delete", async (args, refs) => {
    await using control = await FakeControl.start({ "POST /v1/delete": answer });
    const { code } = await selvedge(args, { control, stdin: SERVICE });
    expect(code).toBe(0);
    expect(control.asked.map(({ body }) => (body as DeleteRequest).refs)).toEqual([refs]);
  });

  it("prints kubectl's line", async () => {
    await using control = await FakeControl.start({ "POST /v1/delete": answer });
    expect(await selvedge("delete hr storefront -n shop", { control })).toMatchGolden("delete");
  });

  it("passes on that control does not know it", async () => {
    await using control = await FakeControl.start({
      "POST /v1/delete": refusal({
        status: 422,
        code: "invalid-configuration",
        title: "Invalid configuration",
        problems: [
          {
            severity: "error",
            code: "dangling-reference",
            resource: "HTTPRoute shop/nope",
            message: "is not in the mesh",
          },
        ],
      }),
    });
    expect(await selvedge("delete hr nope -n shop", { control })).toMatchGolden("delete-missing");
  });

  it.each([
    ["delete-kind-alone", "delete httproute", ""],
    ["delete-both-ways", "delete httproute x -f -", SERVICE],
    ["delete-unreadable", "delete -f -", "kind: Service\nmetadata: [\n"],
  ])("%s changes nothing", async (golden, args, stdin) => {
    await using control = await FakeControl.start({ "POST /v1/delete": answer });
    expect(await selvedge(args, { control, stdin })).toMatchGolden(golden);
    expect(control.asked).toEqual([]);
  });
});

describe("rollback", () => {
  const body = { ...changed, epoch: 13, problems: [] };

  it("goes back one epoch by itself", async () => {
    await using control = await FakeControl.start({
      "GET /v1/history": { body: history() },
      "POST /v1/rollback": { body },
    });
    expect(await selvedge("rollback", { control })).toMatchGolden("rollback");
    expect(control.asked.at(-1)?.body).toMatchObject({ to: 11, dryRun: false });
  });

  it("goes where it is told without asking for the history", async () => {
    await using control = await FakeControl.start({ "POST /v1/rollback": { body } });
    await selvedge("rollback 3 -m oops", { control });
    expect(control.asked.map((asked) => asked.body)).toMatchObject([{ to: 3, message: "oops" }]);
  });

  it("says so when there is nowhere to go", async () => {
    await using control = await FakeControl.start({ "GET /v1/history": { body: { items: history().items.slice(1) } } });
    expect(await selvedge("rollback", { control })).toMatchGolden("rollback-nowhere");
  });
});
