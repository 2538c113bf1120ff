import { describe, expect, it } from "vitest";
import type { ChangeResponse } from "../../mesh/api.ts";
import { FakeControl, refusal } from "./fake-control.ts";
import { selvedge } from "./selvedge.ts";
import { resources, unchanged } from "./shop.ts";

/** Without times, which are relative to now. */
const plain = (name: string) => {
  const { metadata, ...rest } = resources().find((each) => each.metadata.name === name) ?? {
    metadata: { name },
    apiVersion: "",
    kind: "",
  };
  const { creationTimestamp: _time, ...kept } = metadata;
  return { ...rest, metadata: kept };
};

const different: ChangeResponse = {
  ...unchanged,
  changed: true,
  results: [
    ...unchanged.results,
    {
      kind: "Backend",
      namespace: "shop",
      name: "catalog-v1",
      action: "configured",
      before: plain("catalog-v1"),
      after: {
        ...plain("catalog-v1"),
        spec: {
          endpoints: [
            { url: "http://127.0.0.1:9001", weight: 3 },
            { binding: "SERVICE_CATALOG", weight: 2 },
          ],
        },
      },
    },
    { kind: "Backend", namespace: "shop", name: "catalog-v2", action: "created", after: plain("catalog-v2") },
    { kind: "Namespace", name: "shop", action: "deleted", before: plain("shop") },
  ],
};

describe("diff", () => {
  it("shows what would change, as YAML, and exits 1", async () => {
    await using control = await FakeControl.start({ "POST /v1/apply": { body: different } });
    expect(await selvedge("diff -f - --prune", { control })).toMatchGolden("diff");
    expect(control.asked[0]?.body).toMatchObject({ dryRun: true, prune: true });
  });

  it("exits 0 and prints nothing when nothing would", async () => {
    await using control = await FakeControl.start({ "POST /v1/apply": { body: unchanged } });
    expect(await selvedge("diff -f -", { control })).toMatchObject({ stdout: "", stderr: "", code: 0 });
  });

  it.each([
    ["an unreachable control plane", ["diff", "-f", "-", "--control", "http://127.0.0.1:2"], 2, "connection refused"],
    ["a file that is not there", ["diff", "-f", "nope.yaml"], 2, "nope.yaml: no such file"],
    ["no file", ["diff"], 64, "required option"],
  ])("tells %s from differences", async (_, args, code, message) => {
    await using control = await FakeControl.start({});
    const run = await selvedge(args, { control });
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(message);
  });

  it("exits 2 for files that control cannot read", async () => {
    await using control = await FakeControl.start({
      "POST /v1/apply": refusal({
        status: 422,
        code: "invalid-configuration",
        title: "Invalid configuration",
        problems: [{ severity: "error", code: "yaml-syntax", message: "broken" }],
      }),
    });
    expect(await selvedge("diff -f -", { control })).toMatchObject({ stdout: "", code: 2 });
  });

  it("hands two folders to SELVEDGE_EXTERNAL_DIFF and takes its code", async () => {
    await using control = await FakeControl.start({ "POST /v1/apply": { body: different } });
    const env = { SELVEDGE_EXTERNAL_DIFF: "ls -R" };
    expect(await selvedge("diff -f -", { control, env })).toMatchObject({
      stdout:
        "live:\nBackend.shop.catalog-v1.yaml\nNamespace.shop.yaml\n\nmerged:\nBackend.shop.catalog-v1.yaml\nBackend.shop.catalog-v2.yaml\n",
      stderr: "",
      code: 0,
    });
  });

  it.each([
    ["not-a-program", "ENOENT"],
    ["node -e process.exit(7)", "ended with 7"],
  ])("takes %s for an error", async (program, message) => {
    await using control = await FakeControl.start({ "POST /v1/apply": { body: different } });
    const run = await selvedge("diff -f -", { control, env: { SELVEDGE_EXTERNAL_DIFF: program } });
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(message);
  });
});
