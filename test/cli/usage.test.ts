import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { FakeControl, TOKEN } from "./fake-control.ts";
import { folder, selvedge, PROGRAM } from "./selvedge.ts";
import { script } from "./shop.ts";

describe("the command line", () => {
  it.each([
    ["usage-none", ""],
    ["usage-help", "--help"],
    ["usage-help-apply", "apply --help"],
    ["usage-unknown-command", "aply -f x"],
    ["usage-unknown-flag", "apply -f x --prun"],
    ["usage-unknown-output", "get svc -o xml"],
    ["usage-missing-argument", "get"],
    ["usage-excess-argument", "history now"],
    ["usage-bad-duration", "check --timeout soon"],
    ["usage-unknown-subcommand", "context ad"],
  ])("%s", async (golden, args) => {
    expect(await selvedge(args)).toMatchGolden(golden);
  });

  it("knows its version two ways", async () => {
    const [long, command] = await Promise.all([selvedge("--version"), selvedge("version -o json")]);
    expect(long.stdout).toMatch(/^selvedge \d+\.\d+\.\d+\n$/);
    expect(JSON.parse(command.stdout)).toMatchObject({
      apiVersion: "cli.selvedge.dev/v1",
      kind: "Version",
      node: process.versions.node,
    });
  });

  it("has the usage code for every kind of wrong use", async () => {
    for (const args of ["nope", "get svc --nope", "get", "get svc -o xml", "rollback one", "completion tcsh"])
      expect([args, (await selvedge(args)).code]).toEqual([args, 64]);
  });
});

describe("the streams", () => {
  it("end quietly when the reader has enough", async () => {
    await using control = await FakeControl.start(script);
    const run = await selvedgeThrough(`"${process.execPath}" "${PROGRAM}" get all -A -o yaml | head -n 1`, control);
    expect(run).toEqual({ stdout: "apiVersion: gateway.networking.k8s.io/v1\n", stderr: "" });
  });

  it("carry no colour into a pipe", async () => {
    await using control = await FakeControl.start(script);
    const { stdout, stderr } = await selvedge("history --control http://127.0.0.1:2", { control });
    expect(stdout + stderr).not.toContain("\u001b");
  });

  it.each([
    ["on a terminal", {}, "", true],
    ["with NO_COLOR", { NO_COLOR: "1" }, "", false],
    ["on a dumb terminal", { TERM: "dumb" }, "", false],
    ["with --no-color", {}, "--no-color", false],
  ])("carry colour %s: %s %s -> %s", async (_, env, flag, coloured) => {
    await using control = await FakeControl.start({
      "GET /v1/check": { body: { checks: [{ category: "kv", description: "reads", result: "success" }] } },
    });
    // script(1) gives the program a terminal of its own.
    const run = await selvedgeThrough(
      `script -qec '"${process.execPath}" "${PROGRAM}" check ${flag}' /dev/null`,
      control,
      env,
    );
    expect(run.stdout).toContain("√");
    expect(run.stdout.includes("\u001b[32m")).toBe(coloured);
  });

  it("say of an old Node that it is too old", () => {
    const older = folder({ "older.mjs": `Object.defineProperty(process.versions, "node", { value: "20.20.2" });` });
    const run = spawnSync(process.execPath, ["--import", `${older}/older.mjs`, PROGRAM, "version"], {
      encoding: "utf8",
    });
    expect([run.status, run.stdout]).toEqual([1, ""]);
    expect(run.stderr).toMatch(/^error: selvedge needs Node 22\.18 or newer, and this is 20\.20\.2/);
  });
});

async function selvedgeThrough(command: string, control: FakeControl, env: Readonly<Record<string, string>> = {}) {
  const { spawn } = await import("node:child_process");
  const cwd = folder({});
  const child = spawn("bash", ["-c", command], {
    cwd,
    env: {
      PATH: process.env["PATH"],
      HOME: cwd,
      TERM: "xterm",
      SELVEDGE_CONTROL: control.url,
      SELVEDGE_TOKEN: TOKEN,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  await new Promise((resolve) => child.on("close", resolve));
  return { stdout, stderr };
}
