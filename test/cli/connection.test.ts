import { chmodSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isLoopback } from "../../cli/connection.ts";
import { FakeControl, TOKEN } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";
import { script } from "./shop.ts";

const contexts = (all: object): Record<string, string> => ({ ".config/selvedge/contexts.json": JSON.stringify(all) });

describe("which control plane", () => {
  const other = "http://127.0.0.1:2";

  it.each([
    ["--control before SELVEDGE_CONTROL", "--control", { SELVEDGE_CONTROL: other }],
    ["SELVEDGE_CONTROL before --context", "SELVEDGE_CONTROL", {}],
    ["--context before local.json", "context prod", {}],
    [".selvedge/local.json of a folder above before the current context", "local.json", {}],
    ["the current context last", "context staging", {}],
  ] as const)("%s", async (_, from, env) => {
    await using control = await FakeControl.start(script);
    const good = { control: control.url, token: TOKEN };
    const bad = { control: other, token: "wrong" };
    const home = folder({
      ...contexts({
        current: "staging",
        contexts: { staging: from === "context staging" ? good : bad, prod: from === "context prod" ? good : bad },
      }),
      ...(from === "context staging"
        ? {}
        : {
            "work/.selvedge/local.json": JSON.stringify({
              control: from === "local.json" ? control.url : other,
              tokenFile: "token",
            }),
            "work/.selvedge/token": `${TOKEN}\n`,
          }),
      "work/deep/er/file": "",
    });
    const args = {
      "--control": ["--control", control.url],
      SELVEDGE_CONTROL: [],
      "context prod": ["--context", "prod"],
      "local.json": [],
      "context staging": [],
    }[from];
    chmodSync(join(home, ".config/selvedge/contexts.json"), 0o600);
    const explicit = from === "--control" || from === "SELVEDGE_CONTROL";
    const run = await selvedge(["history", ...args], {
      cwd: join(home, "work/deep/er"),
      env: {
        HOME: home,
        ...(from === "SELVEDGE_CONTROL" ? { SELVEDGE_CONTROL: control.url } : env),
        ...(explicit ? { SELVEDGE_TOKEN: TOKEN } : {}),
      },
    });
    expect(run).toMatchObject({ stderr: "", code: 0 });
    expect(control.asked).toHaveLength(1);
  });

  it("is the flag's, whatever the environment says; two flags that differ are refused", async () => {
    await using control = await FakeControl.start(script);
    const both = await selvedge("history --context nope --control http://127.0.0.1:2", { control });
    expect(both).toMatchObject({ code: 64, stderr: expect.stringContaining("both name a control plane") as string });
    const flag = await selvedge("history --context nope", { control, env: { SELVEDGE_CONTROL: control.url } });
    expect(flag.stderr).toContain("nope");
  });

  it("is a clear question when there is none", async () => {
    expect(await selvedge("history")).toMatchGolden("no-control");
  });

  it.each([
    ["unreachable", "history --control http://127.0.0.1:2"],
    ["not-a-url", "history --control 127.0.0.1:8788"],
    ["unknown-context", "history --context nope"],
  ])("%s", async (golden, args) => {
    expect(await selvedge(args)).toMatchGolden(golden);
  });

  it("says who wants a token, and who does not accept one", async () => {
    await using control = await FakeControl.start(script);
    expect(await selvedge("history", { control, env: { SELVEDGE_TOKEN: "" } })).toMatchGolden("token-missing");
    expect(await selvedge("history", { control, env: { SELVEDGE_TOKEN: "wrong" } })).toMatchGolden("token-wrong");
  });

  it("does not follow a local.json to another machine", async () => {
    const cwd = folder({
      ".selvedge/local.json": JSON.stringify({ control: "https://evil.example", tokenFile: "token" }),
      secret: "x",
    });
    const { stderr, code } = await selvedge("history", { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain("names https://evil.example, and a local control plane is on loopback");
  });
});

it.each([
  ["a file outside its folder", "../secret", "not what npm start writes"],
  ["a file that holds no token", "token", "does not hold a token"],
])("a local.json that names %s sends and shows nothing of it", async (_, tokenFile, said) => {
  const text = "root:x:0:0\nuser:x:1:1\n";
  const cwd = folder({
    ".selvedge/local.json": JSON.stringify({ control: "http://127.0.0.1:9", tokenFile }),
    ".selvedge/token": text,
    secret: text,
  });
  const { stdout, stderr, code } = await selvedge("history", { cwd });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain("root:");
});

it("a link to nowhere among the files of an apply is named", async () => {
  const cwd = folder({});
  symlinkSync("nowhere", join(cwd, "gone.yaml"));
  const { stderr, code } = await selvedge("apply -f . --control http://127.0.0.1:9", { cwd });
  expect([code, stderr.split("\n")[0]]).toEqual([
    1,
    expect.stringContaining("error: gone.yaml: cannot be read (ENOENT"),
  ]);
});

describe("a token over plain http", () => {
  it("is refused to another machine", async () => {
    expect(
      await selvedge("history --control http://control.example:8788", {
        env: { SELVEDGE_TOKEN: TOKEN },
      }),
    ).toMatchGolden("token-in-the-clear");
  });

  it("is sent with --insecure", async () => {
    const { stderr } = await selvedge("history --insecure --control http://control.invalid", {
      env: { SELVEDGE_TOKEN: TOKEN },
    });
    expect(stderr).toContain("cannot reach control at http://control.invalid");
  });

  it.each([
    ["localhost", true],
    ["control.localhost", true],
    ["127.0.0.1", true],
    ["127.255.0.9", true],
    ["[::1]", true],
    ["127.0.0.1.example", false],
    ["localhost.example", false],
    ["10.0.0.1", false],
    ["0.0.0.0", false],
  ])("takes %s for loopback: %s", (host, loopback) => {
    expect(isLoopback(new URL(`http://${host}`).hostname)).toBe(loopback);
  });
});

describe("context", () => {
  const stored = (home: string): string => join(home, ".config/selvedge/contexts.json");

  it("keeps what it stores to its owner, and never shows a token", async () => {
    const home = folder({});
    const env = { HOME: home };
    const run = (args: string, stdin = "") => selvedge(args, { cwd: home, env, stdin });
    const outputs = [
      await run("context add prod --control https://control.example/ --token-stdin", `${TOKEN}\n`),
      await run("context add local --control http://127.0.0.1:8788 --token-file secret"),
      await run("context use local"),
      await run("context list"),
      await run("context show prod"),
      await run("context show"),
    ];
    expect(statSync(stored(home)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(stored(home), "utf8"))).toEqual({
      current: "local",
      contexts: {
        prod: { control: "https://control.example", token: TOKEN },
        local: { control: "http://127.0.0.1:8788", tokenFile: join(home, "secret") },
      },
    });
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain(TOKEN);
    expect(outputs.slice(0, 3).map(({ stderr }) => stderr)).toEqual([
      "context prod added, and current\n",
      "context local added\n",
      "context local is current\n",
    ]);
  });

  const two = {
    current: "prod",
    contexts: {
      prod: { control: "https://control.example", token: TOKEN },
      local: { control: "http://127.0.0.1:8788", tokenFile: "/run/token" },
    },
  };

  it.each([
    ["context-list", "context list"],
    ["context-list-json", "context list -o json"],
    ["context-show", "context show prod"],
    ["context-show-in-force", "context show"],
    ["context-remove", "context remove prod"],
    ["context-use-unknown", "context use nope"],
    ["context-add-bad-name", "context add __proto__ --control https://control.example"],
    ["context-add-without-control", "context add more"],
  ])("%s", async (golden, args) => {
    const home = folder(contexts(two));
    chmodSync(stored(home), 0o600);
    expect(await selvedge(args, { cwd: home })).toMatchGolden(golden);
  });

  it("forgets the current one with its token", async () => {
    const home = folder(contexts(two));
    chmodSync(stored(home), 0o600);
    await selvedge("context remove prod", { cwd: home });
    expect(JSON.parse(readFileSync(stored(home), "utf8"))).toEqual({ contexts: { local: two.contexts.local } });
  });

  it("warns when others can read the file, and mends it on writing", async () => {
    const home = folder(contexts(two));
    chmodSync(stored(home), 0o644);
    expect((await selvedge("context use local", { cwd: home })).stderr).toContain("can be read by others");
    expect(statSync(stored(home)).mode & 0o777).toBe(0o600);
  });

  it("keeps to XDG_CONFIG_HOME", async () => {
    const home = folder({ "xdg/selvedge/contexts.json": JSON.stringify(two) });
    const { stdout } = await selvedge("context list -o name", {
      cwd: home,
      env: { XDG_CONFIG_HOME: join(home, "xdg") },
    });
    expect(stdout).toBe("prod\nlocal\n");
  });

  it("names a broken file instead of starting anew", async () => {
    const home = folder({ ".config/selvedge/contexts.json": "{" });
    const { stderr, code } = await selvedge("context list", { cwd: home });
    expect(code).toBe(1);
    expect(stderr).toContain("contexts.json: not a contexts file");
  });
});
