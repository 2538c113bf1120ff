import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { chmodSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FakeControl } from "./fake-control.ts";
import { folder, selvedge, PROGRAM } from "./selvedge.ts";
import { script } from "./shop.ts";

describe("what is offered", () => {
  const offered = async (words: readonly string[], control?: FakeControl, env: Readonly<Record<string, string>> = {}) =>
    (await selvedge(["__complete", "--", ...words], { control, env })).stdout.split("\n").slice(0, -1);

  it.each([
    ["commands", ["ap"], ["apply"]],
    ["subcommands", ["context", "s"], ["show"]],
    ["flags of the command, then global ones", ["apply", "--co"], ["--control", "--context"]],
    ["values of a flag", ["get", "svc", "-o", ""], ["table", "wide", "yaml", "json", "name"]],
    ["kinds", ["get", "httpr"], ["httproutes"]],
    ["files", ["apply", "-f", "sh"], [":files"]],
    ["files to analyze", ["analyze", ""], [":files"]],
    ["shells", ["completion", ""], ["bash", "zsh", "fish"]],
    ["nothing where nothing is known", ["rollback", ""], []],
  ])("%s", async (_, words, expected) => {
    expect(await offered(words)).toEqual(expected);
  });

  it("names of what control has, in the namespace that was typed", async () => {
    await using control = await FakeControl.start(script);
    expect(await offered(["get", "backend", "-n", "shop", "catalog"], control)).toEqual(["catalog-v1", "catalog-v2"]);
    expect(await offered(["delete", "backend", ""], control)).toEqual([]);
  });

  it("no names, and no message, without a control plane", async () => {
    expect(await selvedge(["__complete", "--", "get", "svc", ""])).toMatchObject({ stdout: "", stderr: "", code: 0 });
  });
});

describe("the scripts", () => {
  it.each(["bash", "zsh", "fish"])("%s's is as it was looked at", async (shell) => {
    expect(await selvedge(`completion ${shell}`)).toMatchGolden(`completion-${shell}`);
  });

  it("bash's is one that bash can parse", async () => {
    const { stdout } = await selvedge("completion bash");
    expect(spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  it("bash's completes a word", async () => {
    const { stdout } = await selvedge("completion bash");
    const bin = folder({ selvedge: `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n` });
    chmodSync(join(bin, "selvedge"), 0o755);
    const typed = `${stdout}COMP_WORDS=(selvedge get -o ""); COMP_CWORD=3; _selvedge; echo "\${COMPREPLY[*]}"`;
    const run = spawnSync("bash", ["-c", typed], {
      encoding: "utf8",
      env: { PATH: `${bin}:${process.env["PATH"]}`, HOME: bin },
    });
    expect(run.stdout).toBe("table wide yaml json name\n");
  });
});
