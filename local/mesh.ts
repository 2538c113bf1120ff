/**
 * The mesh on this machine: state, control and edges on Miniflare, each on a socket of its own. Miniflare's entry socket
 * obeys headers that any client can send (platform notes in docs/operating.md), so that nothing is served through it.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Miniflare } from "miniflare";
import { bundle, type LastGood, type Role } from "./bundle.ts";
import { watchOverWorkerd } from "./orphans.ts";

export type EdgeOptions = {
  readonly name: string;
  /** What it listens on. Default 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  /** The listener port that this socket stands for. Default 80. */
  readonly listenerPort?: number;
  /** The scheme of that listener; https for a socket that stands behind a TLS terminator. Default http. */
  readonly listenerScheme?: "http" | "https";
  /** `namespace/name` of the one Gateway that this socket stands for. Default: all of them. */
  readonly gateway?: string;
  /** What this edge serves, as the var SCOPE says it. Default: everything. */
  readonly scope?: string;
  /** As Backends name the zones of their endpoints. Default: none. */
  readonly zone?: string;
  /** The namespace whose workloads call this socket. Default: unknown. */
  readonly caller?: string;
  /** Addresses (`127.0.0.1:8080`) of endpoints that get the Host of the request, as fetch alone would not give it. */
  readonly hostPreserving?: readonly string[];
  /** Requests without a response that its isolate may have. Default 2000. */
  readonly maxInFlight?: number;
  /** Of this edge alone; 0 turns its telemetry off. Default: the mesh's. */
  readonly reportEveryMs?: number;
  readonly lastGood?: LastGood;
  /** Service bindings by name: each a host and port that keeps the Host of the request. */
  readonly services?: Readonly<Record<string, string>>;
};

/** A Worker that is no part of the mesh, on a socket of its own beside it. */
type NeighbourOptions = {
  readonly name: string;
  readonly port: number;
  /** One ES module. */
  readonly code: string;
  readonly bindings?: Readonly<Record<string, string>>;
  /** Classes that its module exports, by binding. */
  readonly objects?: Readonly<Record<string, string>>;
};

export type MeshOptions = {
  /** Objects, KV and cache persist below it. */
  readonly dir: string;
  readonly control?: {
    /** What it listens on. Default 127.0.0.1. */
    readonly host?: string;
    readonly port: number;
    readonly token: string;
    /** `namespace/name` of Secrets that count as held. None by default. */
    readonly certificates?: readonly string[];
    /** The private JWK by which it signs snapshots. Default: it does not. */
    readonly snapshotKey?: string;
  };
  readonly edges?: readonly EdgeOptions[];
  readonly neighbours?: readonly NeighbourOptions[];
  /** False in a process that shares the state of another. Default true. */
  readonly state?: boolean;
  readonly meshDomain?: string;
  /** Whether endpoints may be loopback and link-local addresses. Default true. */
  readonly allowReserved?: boolean;
  /** The variable CLIENT_ADDRESS. Default: what everyone has who reaches a socket on loopback. */
  readonly clientAddress?: string;
  /** How many proxies before the edges tell the truth about whoever called them. Default 0. */
  readonly trustedProxies?: number;
  /** The secret that the edges share. Default: none. */
  readonly meshKey?: string;
  /** The JWK Set of those whose snapshots edges take. Default: anyone's. */
  readonly snapshotKeys?: string;
  /** How often edges look for a newer snapshot. Default 500 ms. */
  readonly lookEveryMs?: number;
  /** How old telemetry may become before edges send it. Default 1 s. */
  readonly reportEveryMs?: number;
  /** The collector to which traces and metrics are exported. Default: none. */
  readonly otlp?: { readonly endpoint: string; readonly headers?: string; readonly protocol?: string };
  /** Takes what Workers write to their logs. Default: the output of this process has it. */
  readonly logged?: () => void;
  /** Where processes that form one mesh find each other. Without it, everything is in this process. */
  readonly registry?: string;
};

export type Mesh = {
  readonly dispose: () => Promise<void>;
  /** For tests and tools that look into the stores. */
  readonly runtime: Miniflare;
};

const LOOPBACK = "127.0.0.1";
const COMPATIBILITY_DATE = "2026-10-01";
const KV = "selvedge-snapshots";
const OBJECTS = {
  BREAKER: "BreakerObject",
  RATE_LIMIT: "RateLimitObject",
  CONFIG: "ConfigObject",
  FLEET: "FleetObject",
  COLLECTOR: "CollectorObject",
  CONCURRENCY: "ConcurrencyObject",
  IDEMPOTENCY: "IdempotencyObject",
  IDENTITY: "IdentityObject",
  HEALTH: "HealthObject",
} as const;

/** Throws `PortInUse` when a socket is taken. */
export async function bootMesh(options: MeshOptions): Promise<Mesh> {
  // Here, because whoever wants to know what the Workers are (a node) runs them without it.
  const { Miniflare, convertV4MiniflareOptions, Log, LogLevel } = await import("miniflare");
  const workers = await workersOf(options);
  const shared = {
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    cf: false as const,
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: `${options.dir}/state`,
    workers,
    ...(options.logged && { handleStructuredLogs: options.logged }),
  };
  const converted = convertV4MiniflareOptions(
    (options.registry ? { ...shared, unsafeDevRegistryPath: options.registry } : shared) as Parameters<
      typeof convertV4MiniflareOptions
    >[0],
  );
  // What a process keeps is found again by its successor: named after what it serves, not after its process.
  const own = workers
    .map(({ name }) => name)
    .filter((name) => !name.startsWith("closed-"))
    .join("+");
  if (options.registry) forgetDead(options.registry, workers);
  watchOverWorkerd();
  const miniflare = keepingSignals(
    () =>
      new Miniflare(
        options.registry
          ? {
              ...converted,
              // One process owns the KV files for all; two that opened them would lock each other out.
              unsafeEnableSharedStorage: true,
              isolatedResourcePersistencePath: `${options.dir}/only-${own}`,
            }
          : converted,
      ),
  );
  try {
    await miniflare.ready;
  } catch (error) {
    // dispose() of a runtime that never started throws the same error once more.
    await miniflare.dispose().catch(() => {});
    throw portInUse(error, workers) ?? error;
  }
  return { dispose: () => miniflare.dispose(), runtime: miniflare };
}

/** Miniflare answers signals with `process.exit` at once; ending is for whoever booted the mesh, who may have more to end. */
function keepingSignals<T>(make: () => T): T {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = signals.map((signal) => new Set(process.listeners(signal)));
  const made = make();
  signals.forEach((signal, index) => {
    for (const listener of process.listeners(signal))
      if (!before[index]?.has(listener)) process.removeListener(signal, listener);
  });
  return made;
}

/**
 * A process that was killed stays registered for a minute and a half, and its successor would not be found. Whoever starts
 * under a name takes its place: all that the dead process had registered goes.
 */
function forgetDead(registry: string, workers: readonly Worker[]): void {
  if (!existsSync(registry)) return;
  const entries = readdirSync(registry).map((name) => ({ name, instance: instanceOf(join(registry, name)) }));
  const dead = new Set(
    entries.filter(({ name }) => workers.some((worker) => worker.name === name)).map((one) => one.instance),
  );
  for (const { name, instance } of entries) if (dead.has(instance)) rmSync(join(registry, name), { force: true });
}

function instanceOf(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { instanceId?: string }).instanceId;
  } catch {
    // Being written or already gone: another process's, and none of ours.
    return undefined;
  }
}

export class PortInUse extends Error {
  readonly port: number;
  constructor(port: number) {
    super(`port ${port} is in use`);
    this.port = port;
  }
}

type Socket = { readonly host: string; readonly port: number };
type Worker = { readonly name: string; readonly unsafeDirectSockets?: readonly Socket[] };

/** Miniflare names a taken socket `direct:<worker's index>:<entrypoint>`. */
function portInUse(error: unknown, workers: readonly Worker[]): PortInUse | undefined {
  const index = /Address already in use \(socket "direct:(\d+):/.exec(String(error))?.[1];
  const port = index === undefined ? undefined : workers[Number(index)]?.unsafeDirectSockets?.[0]?.port;
  return port === undefined ? undefined : new PortInUse(port);
}

const bindingsOf = (addresses: readonly string[]): string =>
  JSON.stringify(Object.fromEntries(addresses.map((address) => [`http://${address}`, transport(address)])));

/** Status promises of an endpoint what every edge does. */
const keptByAll = ([first, ...others]: NonNullable<MeshOptions["edges"]>): readonly string[] =>
  (first?.hostPreserving ?? []).filter((address) => others.every((edge) => edge.hostPreserving?.includes(address)));

/** The Workers as Miniflare takes them; what they are bound to is what wrangler.toml says, which a test holds them to. */
export async function workersOf({
  control,
  edges = [],
  neighbours = [],
  state = true,
  meshDomain = "mesh.localhost",
  allowReserved = true,
  clientAddress = "127.0.0.1",
  trustedProxies = 0,
  meshKey,
  snapshotKeys = "",
  lookEveryMs = 500,
  reportEveryMs = 1000,
  otlp,
}: MeshOptions) {
  const exporting = {
    OTLP_ENDPOINT: otlp?.endpoint ?? "",
    OTLP_PROTOCOL: otlp?.protocol ?? "",
    ...(otlp?.headers !== undefined && { OTLP_HEADERS: otlp.headers }),
  };
  // The first worker is what the entry socket serves: nothing.
  const closed = {
    name: `closed-${process.pid}`,
    ...script("closed", "export default { fetch: () => new Response(null, { status: 404 }) }"),
  };
  const stateWorkers = state
    ? [{ name: "state", ...(await code("state")), durableObjects: objects(Object.keys(OBJECTS), { useSQLite: true }) }]
    : [];
  const controlWorkers = control
    ? [
        {
          name: "control",
          ...(await code("control")),
          bindings: {
            CONTROL_TOKEN: control.token,
            ...(control.snapshotKey !== undefined && { SNAPSHOT_KEY: control.snapshotKey }),
            TRUST_DOMAIN: meshDomain,
            CERTIFICATES: (control.certificates ?? []).join(","),
            EDGE_ADDRESSES: "127.0.0.1",
            CLIENT_ADDRESS: clientAddress,
            HOST_PRESERVING: bindingsOf(keptByAll(edges)),
            ALLOW_RESERVED: String(allowReserved),
            ...exporting,
          },
          kvNamespaces: { SNAPSHOTS: KV },
          durableObjects: objects(["CONFIG", "FLEET", "BREAKER", "RATE_LIMIT", "IDENTITY", "COLLECTOR"], {
            scriptName: "state",
          }),
          unsafeDirectSockets: [{ host: control.host ?? LOOPBACK, port: control.port }],
        },
      ]
    : [];
  const edgeWorkers = await Promise.all(
    edges.map(async (edge) => ({
      name: edge.name,
      ...(await code("edge", edge.lastGood)),
      bindings: {
        EDGE_NAME: edge.name,
        MESH_DOMAIN: meshDomain,
        LOOK_EVERY_MS: String(lookEveryMs),
        REPORT_EVERY_MS: String(edge.reportEveryMs ?? reportEveryMs),
        ...exporting,
        ALLOW_RESERVED: String(allowReserved),
        CLIENT_ADDRESS: clientAddress,
        LISTENER_PORT: String(edge.listenerPort ?? 80),
        LISTENER_SCHEME: edge.listenerScheme ?? "http",
        GATEWAY: edge.gateway ?? "",
        SCOPE: edge.scope ?? "everything",
        ZONE: edge.zone ?? "",
        CALLER: edge.caller ?? "",
        ...(meshKey !== undefined && { MESH_KEY: meshKey }),
        SNAPSHOT_KEYS: snapshotKeys,
        TRUSTED_PROXIES: String(trustedProxies),
        MAX_IN_FLIGHT: String(edge.maxInFlight ?? 2000),
        CLIENT_CERTIFICATES: "",
        HOST_PRESERVING: bindingsOf(edge.hostPreserving ?? []),
      },
      kvNamespaces: { SNAPSHOTS: KV },
      durableObjects: objects(
        ["BREAKER", "RATE_LIMIT", "CONCURRENCY", "IDEMPOTENCY", "IDENTITY", "HEALTH", "FLEET", "COLLECTOR"],
        {
          scriptName: "state",
        },
      ),
      serviceBindings: Object.fromEntries(
        [
          ...Object.entries(edge.services ?? {}),
          ...(edge.hostPreserving ?? []).map((address) => [transport(address), address] as const),
        ].map(([binding, address]) => [binding, { external: { address, http: {} } }]),
      ),
      unsafeDirectSockets: [{ host: edge.host ?? LOOPBACK, port: edge.port }],
    })),
  );
  const neighbourWorkers = neighbours.map(({ name, port, code: contents, bindings = {}, objects: classes = {} }) => ({
    name,
    ...script(name, contents),
    bindings,
    durableObjects: Object.fromEntries(
      Object.entries(classes).map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
    unsafeDirectSockets: [{ host: LOOPBACK, port }],
  }));
  return [closed, ...stateWorkers, ...controlWorkers, ...edgeWorkers, ...neighbourWorkers];
}

const transport = (address: string): string => `TRANSPORT_${address.replaceAll(/\W/g, "_")}`;

const code = async (role: Role, lastGood?: LastGood) => script(role, await bundle(role, lastGood));

const script = (name: string, contents: string) => ({
  modules: [{ type: "ESModule" as const, path: `${name}.js`, contents }],
  compatibilityDate: COMPATIBILITY_DATE,
  compatibilityFlags: ["enable_request_signal"],
});

const objects = (bindings: readonly string[], where: { readonly useSQLite: true } | { readonly scriptName: string }) =>
  Object.fromEntries(
    bindings.map((binding) => [binding, { className: OBJECTS[binding as keyof typeof OBJECTS], ...where }]),
  );
