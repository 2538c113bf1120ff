import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deploy, type World } from "../../local/deploy.ts";

const CREDENTIALS = { CLOUDFLARE_API_TOKEN: "token", CLOUDFLARE_ACCOUNT_ID: "account" };
const CONTROL = { SELVEDGE_CONTROL: "https://control.example", SELVEDGE_TOKEN: "a-token-for-tests-only\n" };
const ID = "0123456789abcdef0123456789abcdef";
const EMPTY = '{ "epoch": 0, "hash": "", "manifest": "", "shards": {} }\n';
const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const SNAPSHOT = {
  epoch: 7,
  hash: hashOf("the manifest"),
  manifest: base64("the manifest"),
  shards: { [hashOf("one shard")]: base64("one shard"), [hashOf("another")]: base64("another") },
};

let dir: string;
let said: string[];
/** Each run of wrangler: the environment it deployed, and at that moment last-good.json and the paths in dashboard.json. */
let runs: { readonly ran: string; readonly lastGood: unknown; readonly pages: readonly string[] }[];
let asked: { readonly url: string; readonly authorization: string | null }[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "selvedge-deploy-"));
  await writeFile(join(dir, "last-good.json"), EMPTY);
  await writeFile(join(dir, "dashboard.json"), "{}");
  [said, runs, asked] = [[], [], []];
});
afterEach(() => rm(dir, { recursive: true }));

type Given = Partial<World> & { readonly exit?: (ran: string) => number; readonly answer?: () => Response };

async function run({ exit = () => 0, answer = () => Response.json(SNAPSHOT), ...given }: Given = {}): Promise<number> {
  const lastGood = join(dir, "last-good.json");
  const dashboard = join(dir, "dashboard.json");
  const read = async (path: string) => JSON.parse(await readFile(path, "utf8")) as object;
  const code = await deploy({
    env: { ...CREDENTIALS, ...CONTROL },
    wrangler: async (args) => {
      const ran = args[0] === "deploy" ? `deploy ${args.at(-1)}`.trim() : args.join(" ");
      runs.push({ ran, lastGood: await read(lastGood), pages: Object.keys(await read(dashboard)) });
      return exit(ran);
    },
    fetch: (url, init) => {
      asked.push({ url: (url as URL).href, authorization: new Headers(init?.headers).get("authorization") });
      return Promise.resolve(answer());
    },
    say: (line) => said.push(line),
    namespaceIds: { edge: ID, control: ID },
    lastGood,
    dashboard,
    ...given,
  });
  expect(await readFile(dashboard, "utf8")).toBe("{}");
  expect(await readFile(lastGood, "utf8")).toBe(EMPTY);
  return code;
}

const ran = (): string[] => runs.map((one) => one.ran);
const broughtAlong = (): unknown => runs.find((one) => one.ran === "deploy")?.lastGood;

test("state, control and edge are deployed in that order", async () => {
  expect(await run()).toBe(0);
  expect(ran()).toEqual(["deploy state", "deploy control", "deploy"]);
});

test("control, and it alone, is deployed with the dashboard", async () => {
  await run();
  expect(runs.map(({ pages }) => pages)).toEqual([[], ["/", "/dashboard.js", "/dashboard.css", "/icon.svg"], []]);
});

test("the edge, and it alone, is deployed with the snapshot in force; afterwards the file is as it was", async () => {
  await run();
  expect(runs.map(({ lastGood }) => (lastGood as { epoch: number }).epoch)).toEqual([0, 0, 7]);
  expect(broughtAlong()).toEqual(SNAPSHOT);
  expect(asked).toEqual([
    { url: "https://control.example/v1/snapshot", authorization: "Bearer a-token-for-tests-only" },
  ]);
});

test("a deploy of the edge that fails leaves the file as it was, and fails", async () => {
  expect(await run({ exit: (what) => (what === "deploy" ? 3 : 0) })).toBe(1);
  expect(said.at(-1)).toContain("wrangler deploy of edge ended with 3");
});

test("nothing is deployed after what failed", async () => {
  expect(await run({ exit: (what) => (what === "deploy control" ? 1 : 0) })).toBe(1);
  expect(ran()).toEqual(["deploy state", "deploy control"]);
});

test.each([
  { what: "no control plane is named", given: { env: CREDENTIALS }, why: "not both set" },
  {
    what: "control cannot be reached",
    given: { answer: () => fail(new TypeError("fetch failed")) },
    why: "could not be asked",
  },
  {
    what: "control refuses the token",
    given: { answer: () => new Response("", { status: 401 }) },
    why: "control answered 401",
  },
  {
    what: "control has no configuration",
    given: { answer: () => Response.json({ epoch: 0, hash: "", manifest: "", shards: {} }) },
    why: "no configuration yet",
  },
  {
    what: "the manifest does not have its hash",
    given: { answer: () => Response.json({ ...SNAPSHOT, manifest: base64("another manifest") }) },
    why: "do not have its hash",
  },
  {
    what: "a shard does not have its hash",
    given: { answer: () => Response.json({ ...SNAPSHOT, shards: { [hashOf("one shard")]: base64("other bytes") } }) },
    why: "do not have its hash",
  },
])("the edge is deployed without a snapshot, and the reason said, when $what", async ({ given, why }) => {
  expect(await run(given)).toBe(0);
  expect(broughtAlong()).toMatchObject({ epoch: 0 });
  expect(said.join("\n")).toContain(why);
});

function fail(error: Error): never {
  throw error;
}

test("the token is not sent over plain http to another machine", async () => {
  await run({ env: { ...CREDENTIALS, ...CONTROL, SELVEDGE_CONTROL: "http://control.example" } });
  expect(asked).toEqual([]);
  expect(said.join("\n")).toContain("in the clear");
});

test.each([
  { what: "nothing", env: {}, named: ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"] },
  { what: "only a token", env: { CLOUDFLARE_API_TOKEN: "token" }, named: ["CLOUDFLARE_ACCOUNT_ID"] },
  { what: "only an account", env: { CLOUDFLARE_ACCOUNT_ID: "account" }, named: ["CLOUDFLARE_API_TOKEN"] },
])("with $what set, what is missing is named and nothing is deployed", async ({ env, named }) => {
  expect(await run({ env, exit: () => 1 })).toBe(1);
  expect(ran().filter((one) => one.startsWith("deploy"))).toEqual([]);
  expect(said.join("\n").match(/- (\w+):/g)).toEqual(named.map((name) => `- ${name}:`));
});

test("a login does instead of both variables", async () => {
  expect(await run({ env: {} })).toBe(0);
  expect(ran()).toEqual(["whoami --json", "deploy state", "deploy control", "deploy"]);
});

test.each([
  { what: "the placeholder", ids: { edge: "selvedge-snapshots", control: "selvedge-snapshots" } },
  { what: "two different ids", ids: { edge: ID, control: ID.replace("0", "f") } },
  { what: "no id", ids: { edge: undefined, control: undefined } },
])("with $what for the KV namespace nothing is deployed, and the command that makes one is shown", async ({ ids }) => {
  expect(await run({ namespaceIds: ids })).toBe(1);
  expect(runs).toEqual([]);
  expect(said.join("\n")).toContain("npx wrangler kv namespace create selvedge-snapshots");
});
