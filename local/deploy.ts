/**
 * `npm run deploy`: state, control, edge, in that order, so that nothing is deployed before what it calls. The edge brings
 * along the snapshot that is in force, for the day on which neither KV nor the cache has one. docs/operating.md has the steps.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadEnvFile } from "node:process";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { unstable_readConfig as readConfig } from "wrangler";
import type { SnapshotResponse } from "../mesh/api.ts";
import { dashboard } from "./dashboard.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CONFIG = join(ROOT, "wrangler.toml");
const LAST_GOOD = join(ROOT, "workers/edge-proxy/last-good.json");
const DASHBOARD = join(ROOT, "workers/control/dashboard.json");
const WRANGLER = join(dirname(fileURLToPath(import.meta.resolve("wrangler/package.json"))), "bin/wrangler.js");

const HELP = `npm run deploy [-- OPTIONS]: deploys the Workers state, control and edge, in that order.

  --dry-run        bundle all three as a deploy would, without an account or a network
  --outdir DIR     with --dry-run: where the bundles go (default a new temporary folder)
  --env-file FILE  read environment variables from FILE first
  --help           this text

Credentials: CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or a login made by npx wrangler login.
SELVEDGE_CONTROL and SELVEDGE_TOKEN, if set, name a running control plane, whose snapshot the edge brings along.
`;

/** Names of the Workers and wrangler's environments for them; the top level has the empty name. */
const WORKERS = [
  { role: "state", environment: "state" },
  { role: "control", environment: "control" },
  { role: "edge", environment: "" },
] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** What a deploy asks of the world; tests put their own in its place. */
export type World = {
  readonly env: Environment;
  /** Runs wrangler with these arguments to its end, and gives its exit code. */
  readonly wrangler: (args: readonly string[]) => Promise<number>;
  readonly fetch: typeof fetch;
  readonly say: (line: string) => void;
  /** By role, the id of the KV namespace that wrangler.toml names. */
  readonly namespaceIds: Readonly<Record<"edge" | "control", string | undefined>>;
  readonly lastGood: string;
  /** Where control's bundle has the dashboard from. */
  readonly dashboard: string;
};

/** Exit code. Does nothing at all while something is missing. */
export async function deploy(world: World): Promise<number> {
  const missing = [...(await missingCredentials(world)), ...missingNamespace(world)];
  if (missing.length > 0) {
    world.say(["error: nothing was deployed; this is missing:", ...missing.map((line) => `  - ${line}`)].join("\n"));
    return 1;
  }
  for (const { role, environment } of WORKERS) {
    const run = (): Promise<number> => world.wrangler(["deploy", "-c", CONFIG, "-e", environment]);
    world.say(`deploying ${role}`);
    const code = await bringingAlong(world, role, run);
    if (code !== 0) {
      world.say(`error: wrangler deploy of ${role} ended with ${code}; what was deployed before it stays deployed`);
      return 1;
    }
  }
  world.say(AFTERWARDS);
  return 0;
}

const AFTERWARDS = `deployed. Once, and whenever the token is to change: npx wrangler secret put CONTROL_TOKEN -e control
Then: selvedge context add, and selvedge check (docs/operating.md, "First deploy").`;

async function missingCredentials({ env, wrangler }: World): Promise<string[]> {
  const { CLOUDFLARE_API_TOKEN: token, CLOUDFLARE_ACCOUNT_ID: account } = env;
  if (token && account) return [];
  if (!token && (await wrangler(["whoami", "--json"])) === 0) return [];
  const missing: string[] = [];
  if (!token)
    missing.push(
      'CLOUDFLARE_API_TOKEN: make one at https://dash.cloudflare.com/profile/api-tokens from the template "Edit Cloudflare Workers"; or, instead of both variables, run npx wrangler login',
    );
  if (!account)
    missing.push(
      "CLOUDFLARE_ACCOUNT_ID: the dashboard shows it under Workers & Pages; npx wrangler whoami tells it too",
    );
  return missing;
}

/**
 * wrangler would make a namespace for a binding without an id, but one per Worker: control would write to one and the
 * edges read another. So the id is the operator's to write, in both places.
 */
function missingNamespace({ namespaceIds: { edge, control } }: World): string[] {
  if (edge === control && edge !== undefined && /^[0-9a-f]{32}$/.test(edge)) return [];
  return [
    "the id of a KV namespace: run npx wrangler kv namespace create selvedge-snapshots, and write the id it prints in place of selvedge-snapshots at both kv_namespaces lines of wrangler.toml (the same in both)",
  ];
}

/** Control brings the dashboard, the edge the snapshot in force. */
async function bringingAlong(world: World, role: string, run: () => Promise<number>): Promise<number> {
  if (role === "control") return withFile(world.dashboard, await dashboard(), run);
  if (role !== "edge") return run();
  const snapshot = await currentSnapshot(world);
  if (!snapshot) return run();
  world.say(`the edge brings epoch ${snapshot.epoch} along`);
  return withFile(world.lastGood, snapshot, run);
}

/** The bundle reads the file, so it is the file that has to change; it is put back whatever happens. */
async function withFile(path: string, value: object, run: () => Promise<number>): Promise<number> {
  const before = await readFile(path, "utf8");
  try {
    await writeFile(path, JSON.stringify(value));
    return await run();
  } finally {
    await writeFile(path, before);
  }
}

/** The snapshot in force at SELVEDGE_CONTROL, or undefined with the reason said. */
async function currentSnapshot({ env, fetch, say }: World): Promise<SnapshotResponse | undefined> {
  const control = env["SELVEDGE_CONTROL"];
  // A newline at its end would be an invalid header, and the error would show the token.
  const token = env["SELVEDGE_TOKEN"]?.trim();
  const without = (why: string): undefined => {
    say(`warning: the edge brings no snapshot along: ${why}`);
    return undefined;
  };
  if (!control || !token) return without("SELVEDGE_CONTROL and SELVEDGE_TOKEN are not both set");
  const url = URL.parse("/v1/snapshot", control);
  if (url?.protocol !== "https:" && url?.hostname !== "127.0.0.1" && url?.hostname !== "localhost")
    return without("SELVEDGE_CONTROL is not an https:// URL, and the token is not sent in the clear");
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) return without(`control answered ${response.status}`);
    const { epoch, hash, signature, manifest, shards } = (await response.json()) as SnapshotResponse;
    if (epoch === 0) return without("control has no configuration yet");
    if (![[hash, manifest] as const, ...Object.entries(shards)].every(([name, blob]) => hashOf(blob) === name))
      return without("its bytes do not have its hash");
    return { epoch, hash, ...(signature !== undefined && { signature }), manifest, shards };
  } catch (error) {
    return without(`control at ${url.origin} could not be asked: ${String(error)}`);
  }
}

const hashOf = (base64: string): string => createHash("sha256").update(base64, "base64").digest("hex");

/** Bundles as a deploy would. Exit code. */
export async function dryRun({ wrangler, say }: Pick<World, "wrangler" | "say">, outdir: string): Promise<number> {
  for (const { role, environment } of WORKERS) {
    // Absolute: wrangler takes a relative folder now from the configuration's, now from the current one.
    const dir = join(resolve(outdir), role);
    const run = () => wrangler(["deploy", "-c", CONFIG, "-e", environment, "--dry-run", "--outdir", dir]);
    const code = role === "control" ? await withFile(DASHBOARD, await dashboard(), run) : await run();
    if (code !== 0) {
      say(`error: wrangler deploy --dry-run of ${role} ended with ${code}`);
      return 1;
    }
    const bundle = await readFile(join(dir, "index.js"));
    say(`${role.padEnd(8)} ${kilobytes(bundle)} (gzip ${kilobytes(gzipSync(bundle))})  ${join(dir, "index.js")}`);
  }
  return 0;
}

const kilobytes = ({ byteLength }: Uint8Array): string => `${(byteLength / 1000).toFixed(0)} kB`;

/** wrangler asks home for updates and reports its use, unless told otherwise; a deploy should do neither. */
const QUIET = { WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

const runWrangler =
  (env: Environment, quiet: (args: readonly string[]) => boolean): World["wrangler"] =>
  (args) =>
    new Promise((done) => {
      const child = spawn(process.execPath, [WRANGLER, ...args], {
        cwd: ROOT,
        env: { ...env, ...QUIET },
        stdio: ["inherit", quiet(args) ? "ignore" : "inherit", "inherit"],
      });
      child.once("error", () => done(1));
      child.once("close", (code) => done(code ?? 1));
    });

/** As much of wrangler.toml as is looked at here; wrangler's own type for it is not published with it. */
type Config = { readonly kv_namespaces: readonly { readonly binding: string; readonly id?: string }[] };

function namespaceId(environment: string): string | undefined {
  const config = readConfig({ config: CONFIG, env: environment }, { hideWarnings: true }) as Config;
  return config.kv_namespaces.find(({ binding }) => binding === "SNAPSHOTS")?.id;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      "dry-run": { type: "boolean", default: false },
      outdir: { type: "string" },
      "env-file": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values["env-file"] !== undefined) loadEnvFile(values["env-file"]);
  // Ctrl-C reaches wrangler too; what it leaves behind is ours to put right.
  process.on("SIGINT", () => {});
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values["dry-run"]) {
    const outdir = values.outdir ?? (await mkdtemp(join(tmpdir(), "selvedge-deploy-")));
    return dryRun({ wrangler: runWrangler(process.env, () => true), say }, outdir);
  }
  return deploy({
    env: process.env,
    wrangler: runWrangler(process.env, ([command]) => command === "whoami"),
    fetch,
    say,
    namespaceIds: { edge: namespaceId(""), control: namespaceId("control") },
    lastGood: LAST_GOOD,
    dashboard: DASHBOARD,
  });
}

if (import.meta.main) {
  process.exitCode = await main().catch((error: Error) => {
    process.stderr.write(`error: ${error.message}\n`);
    return (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") ? 64 : 1;
  });
}
