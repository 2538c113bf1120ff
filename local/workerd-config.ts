/**
 * The Workers of a mesh as workerd's own configuration (workerd.capnp), for running them without Miniflare: sockets that believe no header
 * of a client's, objects on disk, KV as a service.
 */
import type { workersOf } from "./mesh.ts";

export type Worker = Awaited<ReturnType<typeof workersOf>>[number];

/** What workerd reads: the configuration, and beside it the modules that it embeds, by name. */
export type WorkerdFiles = {
  readonly config: string;
  readonly modules: Readonly<Record<string, string>>;
  /** Values of variables that are in no file: what `fromEnvironment` bindings name. */
  readonly environment: Readonly<Record<string, string>>;
};

export type WorkerdOptions = {
  /** The bundle of workers/kv. */
  readonly kv: string;
  /** The folder of the objects, from where workerd runs. It exists. */
  readonly state: string;
  /** Bindings whose values are secrets. */
  readonly secrets: readonly string[];
};

type Fields = Worker & {
  readonly bindings?: Readonly<Record<string, string>>;
  readonly kvNamespaces?: Readonly<Record<string, string>>;
  readonly durableObjects?: Readonly<
    Record<string, { readonly className: string; readonly scriptName?: string; readonly useSQLite?: true }>
  >;
  readonly serviceBindings?: Readonly<Record<string, { readonly external: { readonly address: string } }>>;
  readonly unsafeDirectSockets?: readonly { readonly host: string; readonly port: number }[];
};

/** A service of this name is where the objects are kept; `KV` where snapshots are, and `NETWORK` what fetch reaches. */
const DISK = "state-on-disk";
const KV = "kv";
const NETWORK = "network";

export function workerdFiles(workers: readonly Worker[], options: WorkerdOptions): WorkerdFiles {
  const kv = {
    name: KV,
    modules: [{ type: "ESModule", path: "kv.js", contents: options.kv }],
    compatibilityDate: workers[0]?.compatibilityDate ?? "",
    compatibilityFlags: [],
    durableObjects: { STORE: { className: "KvObject", useSQLite: true } },
  } as unknown as Worker;
  const all = [...workers, kv] as readonly Fields[];
  const environment: Record<string, string> = {};
  const externals = new Map<string, string>();
  const services = all.map(
    (worker) => `(name = ${text(worker.name)}, worker = ${workerOf(worker, options, { environment, externals })})`,
  );
  const network = [
    ["allow", list(["public", "private"].map(text))],
    ["tlsOptions", "(trustBrowserCas = true)"],
  ] as const;
  const config = struct([
    [
      "services",
      list([
        ...services,
        ...[...externals].map(
          ([name, address]) => `(name = ${text(name)}, external = (address = ${text(address)}, http = ()))`,
        ),
        `(name = ${text(NETWORK)}, network = ${struct(network)})`,
        `(name = ${text(DISK)}, disk = (path = ${text(options.state)}, writable = true))`,
      ]),
    ],
    [
      "sockets",
      list(
        all.flatMap(({ name, unsafeDirectSockets = [] }) =>
          unsafeDirectSockets.map(
            ({ host, port }) =>
              `(name = ${text(name)}, address = ${text(`${host}:${port}`)}, http = (), service = ${text(name)})`,
          ),
        ),
      ),
    ],
  ]);
  return {
    config: `using Workerd = import "/workerd/workerd.capnp";\n\nconst config :Workerd.Config = ${config};\n`,
    modules: Object.fromEntries(all.map(({ name, modules }) => [moduleOf(name), modules[0]!.contents])), // each is one module
    environment,
  };
}

const moduleOf = (name: string): string => `${name}.js`;

function workerOf(
  {
    name,
    compatibilityDate,
    compatibilityFlags,
    bindings = {},
    kvNamespaces = {},
    durableObjects = {},
    serviceBindings = {},
  }: Fields,
  { secrets }: WorkerdOptions,
  { environment, externals }: { readonly environment: Record<string, string>; readonly externals: Map<string, string> },
): string {
  const classes = new Set(Object.values(durableObjects).flatMap((one) => (one.useSQLite ? [one.className] : [])));
  const bound = [
    ...Object.entries(bindings).map(([binding, value]) => {
      if (!secrets.includes(binding)) return `(name = ${text(binding)}, text = ${text(value)})`;
      environment[binding] = value;
      return `(name = ${text(binding)}, fromEnvironment = ${text(binding)})`;
    }),
    ...Object.keys(kvNamespaces).map((binding) => `(name = ${text(binding)}, kvNamespace = ${text(KV)})`),
    ...Object.entries(durableObjects).map(
      ([binding, { className, scriptName = name }]) =>
        `(name = ${text(binding)}, durableObjectNamespace = (className = ${text(className)}, serviceName = ${text(scriptName)}))`,
    ),
    ...Object.entries(serviceBindings).map(([binding, { external }]) => {
      externals.set(`at ${external.address}`, external.address);
      return `(name = ${text(binding)}, service = ${text(`at ${external.address}`)})`;
    }),
  ];
  return struct([
    ["modules", `[(name = ${text(moduleOf(name))}, esModule = embed ${text(moduleOf(name))})]`],
    ["compatibilityDate", text(compatibilityDate)],
    ["compatibilityFlags", list(compatibilityFlags.map(text))],
    ["globalOutbound", text(NETWORK)],
    ["bindings", list(bound)],
    ...(classes.size === 0
      ? []
      : ([
          // The key names the folder of a class's objects: another key would be other objects.
          [
            "durableObjectNamespaces",
            list(
              [...classes].map((each) => `(className = ${text(each)}, uniqueKey = ${text(each)}, enableSql = true)`),
            ),
          ],
          ["durableObjectStorage", `(localDisk = ${text(DISK)})`],
        ] as const)),
  ]);
}

const struct = (fields: readonly (readonly [name: string, value: string])[]): string =>
  `(\n${indented(fields.map(([name, value]) => `${name} = ${value}`).join(",\n"))}\n)`;

const list = (items: readonly string[]): string => (items.length === 0 ? "[]" : `[\n${indented(items.join(",\n"))}\n]`);

const indented = (lines: string): string => lines.replaceAll(/^/gm, "  ");

const text = (value: string): string => JSON.stringify(value);
