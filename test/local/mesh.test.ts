import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";
import { workersOf } from "../../local/mesh.ts";

/** As much of wrangler's configuration as a local mesh has a counterpart for. */
type Deployed = {
  readonly routes?: readonly { readonly pattern: string }[];
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
  readonly kv_namespaces: readonly { readonly binding: string; readonly id: string }[];
  readonly durable_objects: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string; readonly script_name?: string }[];
  };
  readonly migrations: readonly { readonly new_sqlite_classes?: readonly string[] }[];
};

const WRANGLER_TOML = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));
const deployed = (env: string, config = WRANGLER_TOML): Deployed =>
  readConfig({ config, env }, { hideWarnings: true }) as Deployed;

const local = await workersOf({
  dir: "unused",
  control: { port: 1, token: "a-token-for-tests-only" },
  edges: [{ name: "edge", port: 2 }],
});

/** What both sides say of one Worker, in one form. */
function fromWrangler(env: string) {
  const { compatibility_date, compatibility_flags, vars, kv_namespaces, durable_objects, migrations } = deployed(env);
  return {
    compatibilityDate: compatibility_date,
    compatibilityFlags: compatibility_flags,
    vars: Object.keys(vars).sort(),
    kv: Object.fromEntries(kv_namespaces.map(({ binding, id }) => [binding, id])),
    objects: Object.fromEntries(
      durable_objects.bindings.map(({ name, class_name, script_name }) => [
        name,
        `${class_name} of ${script_name?.replace("selvedge-", "") ?? "its own"}`,
      ]),
    ),
    sqlite: migrations.flatMap((migration) => migration.new_sqlite_classes ?? []).sort(),
  };
}

function fromMesh(name: string) {
  const worker = local.find((one) => one.name === name) as unknown as {
    readonly compatibilityDate: string;
    readonly compatibilityFlags: readonly string[];
    readonly bindings?: Readonly<Record<string, string>>;
    readonly kvNamespaces?: Readonly<Record<string, string>>;
    readonly durableObjects: Readonly<
      Record<string, { readonly className: string; readonly scriptName?: string; readonly useSQLite?: boolean }>
    >;
  };
  const objects = Object.entries(worker.durableObjects);
  return {
    compatibilityDate: worker.compatibilityDate,
    compatibilityFlags: worker.compatibilityFlags,
    // A secret is no var: wrangler.toml must not name it.
    vars: Object.keys(worker.bindings ?? {})
      .filter((binding) => binding !== "CONTROL_TOKEN")
      .sort(),
    kv: worker.kvNamespaces ?? {},
    objects: Object.fromEntries(
      objects.map(([binding, { className, scriptName }]) => [binding, `${className} of ${scriptName ?? "its own"}`]),
    ),
    sqlite: objects.flatMap(([, { className, useSQLite }]) => (useSQLite ? [className] : [])).sort(),
  };
}

test.each([
  { worker: "edge", environment: "" },
  { worker: "control", environment: "control" },
  { worker: "state", environment: "state" },
])("$worker has the same bindings, vars and classes here as when deployed", ({ worker, environment }) => {
  expect(fromMesh(worker)).toEqual(fromWrangler(environment));
});

test("a domain given to the edge stays the edge's: control and state do not inherit it", async () => {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-toml-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const route = 'routes = [{ pattern = "shop.example.com", custom_domain = true }]';
  const copy = join(dir, "wrangler.toml");
  await writeFile(copy, `${route}\n${await readFile(WRANGLER_TOML, "utf8")}`);
  const routes = (env: string) => deployed(env, copy).routes?.map(({ pattern }) => pattern);
  expect([routes(""), routes("control"), routes("state")]).toEqual([["shop.example.com"], [], []]);
});
