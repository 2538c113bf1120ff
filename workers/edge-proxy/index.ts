/** The sidecar's entry: bindings -> what a layer may touch; the snapshot in force; then the proxy. */
import type {
  BreakerObject,
  CollectorObject,
  ConcurrencyObject,
  FleetObject,
  HealthObject,
  IdempotencyObject,
  IdentityObject,
  RateLimitObject,
} from "../../durable-objects/index.ts";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import { IDLE_AFTER_MS } from "../../mesh/fleet.ts";
import { NOWHERE } from "../../mesh/pointer.ts";
import { answers } from "./answers.ts";
import { type Deployment, deploymentOf, type Vars } from "./deployment.ts";
import { admit, refusesLow, release } from "../../mesh/policies/shed.ts";
import { OVERLOADED_RETRY_MS } from "./layers/low-priority.ts";
import { type Active, type Isolate, newIsolate } from "./isolate.ts";
import type { Outside } from "./layer.ts";
import { collectorOf } from "../../mesh/telemetry/collector.ts";
import { platformFacts } from "../platform-facts.ts";
import { deny } from "./proxy.ts";
import { exporter } from "./export.ts";
import { write } from "./lines.ts";
import { report } from "./report.ts";
import { fetchShard, keepAhead } from "./shards.ts";
import { coldStart, look } from "./snapshot.ts";
import type { Stores } from "./stores.ts";
import { within } from "./within.ts";

export interface Env extends Vars {
  readonly SNAPSHOTS: KVNamespace;
  readonly BREAKER: DurableObjectNamespace<BreakerObject>;
  readonly RATE_LIMIT: DurableObjectNamespace<RateLimitObject>;
  readonly CONCURRENCY: DurableObjectNamespace<ConcurrencyObject>;
  readonly IDEMPOTENCY: DurableObjectNamespace<IdempotencyObject>;
  readonly IDENTITY: DurableObjectNamespace<IdentityObject>;
  readonly HEALTH: DurableObjectNamespace<HealthObject>;
  readonly FLEET: DurableObjectNamespace<FleetObject>;
  readonly COLLECTOR: DurableObjectNamespace<CollectorObject>;
  /** A dataset for each request; absent where the deployment binds none. */
  readonly ANALYTICS?: AnalyticsEngineDataset;
  readonly EDGE_NAME: string;
  /** Where this deployment runs, as Backends name the zones of their endpoints; empty takes the data centre's letters. */
  readonly ZONE: string;
  /** `namespace/name` of the Gateway that this deployment stands for; empty for all of them. */
  readonly GATEWAY: string;
}

const RESERVED = "/.well-known/selvedge/";
/** An isolate that was idle looks before it serves; a store that is slow or away delays it by no more than this. */
const WAIT_AFTER_IDLE_MS = 250;
/** A look that has not come back by then was cut off with its request. */
const LOOK_LIMIT_MS = 10_000;

/** The Worker of one isolate. The runtime makes one to a process; whoever simulates a fleet makes many. */
export function sidecar() {
  let isolate: Isolate | undefined;
  let deployment: Deployment | undefined;
  return {
    async fetch(request, env, context): Promise<Response> {
      const mine = (isolate ??= newIsolate(crypto.randomUUID()));
      const deployed = (deployment ??= deploymentOf(env));
      // The runtime lets any Host through, and puts it into the URL as it is.
      const url = URL.parse(request.url);
      if (!url) return deny({ cause: "host-invalid" }, mine.active?.pointer ?? NOWHERE);
      const caller = (): string => callerOf(deployed, request, url, context);
      const admitted = admit(mine.load, deployed.maxInFlight, caller, Date.now());
      if (!admitted && !url.pathname.startsWith(RESERVED))
        return deny({ cause: "overloaded", retryAfterMs: OVERLOADED_RETRY_MS }, mine.active?.pointer ?? NOWHERE);
      const served = serve(mine, deployed, request, url, env, context).finally(() => {
        if (admitted) release(mine.load, admitted, Date.now());
      });
      // A caller that leaves would end this in the middle. Near the cap every place must come free again.
      if (admitted?.caller !== undefined) context.waitUntil(served.catch(() => {}));
      return served;
    },
  } satisfies ExportedHandler<Env>;
}

export default sidecar();

/** Who must share an isolate with others: the workload where it is known, or else the address. */
function callerOf({ ingress }: Deployment, request: Request, url: URL, context: ExecutionContext): string {
  const { workload, caller, client } = ingress(request, url, propsOf(context));
  return workload || `${caller} ${client}`;
}

const propsOf = (context: ExecutionContext): unknown => (context as { props?: unknown }).props;

async function serve(
  mine: Isolate,
  deployed: Deployment,
  request: Request,
  url: URL,
  env: Env,
  context: ExecutionContext,
): Promise<Response> {
  const { ingress, reportEveryMs } = deployed;
  const waiting = refresh(mine, deployed, env, request, context);
  if (waiting) await waiting;
  if (url.pathname.startsWith(RESERVED)) return reserved(url.pathname, mine, env);
  const { active } = mine;
  if (!active) return deny({ cause: "no-snapshot" }, { epoch: 0, hash: "" });
  const touched = outside(mine, deployed, env, request, context);
  const shard = (number: number) => fetchShard(mine, stores(deployed, env, request), active, number);
  const response = await active.run(request, url, touched, ingress(request, url, propsOf(context)), shard);
  if (reportEveryMs > 0) reportOn(mine, deployed, env, request, touched);
  // Said on every answer, since nobody reads the logs of a mesh that seems to work.
  if (active.source !== "kv") response.headers.set(MESH_HEADERS.snapshot, active.source);
  return response;
}

function reportOn(
  mine: Isolate,
  { reportEveryMs, otlp }: Deployment,
  env: Env,
  request: Request,
  { heard, later }: Outside,
): void {
  const { recorder } = mine.memory;
  const about = { edge: env.EDGE_NAME, colo: coloOf(request), epoch: mine.active?.pointer.epoch ?? 0 };
  const collector = () => env.COLLECTOR.getByName(collectorOf(recorder.isolate));
  const spans =
    otlp &&
    exporter({ queue: mine.memory.hops, destination: otlp, resource: resourceOf(mine, about), everyMs: reportEveryMs });
  report({ recorder, about, everyMs: reportEveryMs, collector, heard, later, spans });
}

/** As OpenTelemetry names what its telemetry is about. */
const resourceOf = ({ id }: Isolate, { edge, colo }: { readonly edge: string; readonly colo: string }) => ({
  "service.name": "selvedge",
  "service.instance.id": id,
  "selvedge.edge": edge,
  "cloud.availability_zone": colo,
});

/** Makes sure that there is a snapshot if there can be one, and that it does not grow old. Nearly always nothing to wait for. */
function refresh(
  mine: Isolate,
  deployed: Deployment,
  env: Env,
  request: Request,
  context: ExecutionContext,
): Promise<void> | undefined {
  if (!mine.active) return begin(mine, deployed, env, request, context);
  const now = Date.now();
  const age = now - mine.lookedAt;
  if (age < deployed.lookEveryMs || now < mine.lookingUntil) return undefined;
  mine.lookingUntil = now + LOOK_LIMIT_MS;
  const looking = look(mine, stores(deployed, env, request)).finally(() => {
    mine.lookedAt = Date.now();
    mine.lookingUntil = 0;
  });
  context.waitUntil(looking.then(() => keepAhead(mine, stores(deployed, env, request))));
  return age > IDLE_AFTER_MS ? within(looking, WAIT_AFTER_IDLE_MS).catch(() => {}) : undefined;
}

/** Each of the first requests loads for itself: one that waited for another's would hang if that one were cancelled. */
async function begin(
  mine: Isolate,
  deployed: Deployment,
  env: Env,
  request: Request,
  context: ExecutionContext,
): Promise<void> {
  await coldStart(mine, stores(deployed, env, request));
  context.waitUntil(
    look(mine, stores(deployed, env, request)).then(() => keepAhead(mine, stores(deployed, env, request))),
  );
  mine.lookedAt = Date.now();
}

function coloOf(request: Request): string {
  const colo = platformFacts(request)?.colo;
  return typeof colo === "string" ? colo : "local";
}

function stores({ grain }: Deployment, env: Env, request: Request): Stores {
  return {
    kv: env.SNAPSHOTS,
    fleet: () => env.FLEET.getByName("fleet"),
    cache: caches.default,
    name: env.EDGE_NAME,
    gateway: env.GATEWAY,
    grain,
    scope: grain.kind === "everything" ? "" : env.SCOPE,
    snapshotKeys: env.SNAPSHOT_KEYS,
    colo: coloOf(request),
  };
}

function outside(
  mine: Isolate,
  { allowReserved, hostPreserving, maxInFlight, otlp, reportEveryMs }: Deployment,
  env: Env,
  request: Request,
  context: ExecutionContext,
): Outside {
  return {
    now: Date.now,
    random: Math.random,
    newId: mine.newId,
    counts: reportEveryMs > 0,
    analytics: env.ANALYTICS,
    exportsSpans: otlp !== undefined,
    // Called as a method of this object, the global itself would refuse.
    fetch: (url, init) => fetch(url, init),
    allowReserved,
    binding: (name) => bindingOf(env, name),
    hostPreserving: (origin) => {
      const name = hostPreserving[origin];
      return name === undefined ? undefined : bindingOf(env, name);
    },
    breaker: (circuit) => env.BREAKER.getByName(circuit),
    rateLimit: (bucket) => env.RATE_LIMIT.getByName(bucket),
    isCrowded: () => refusesLow(mine.load, maxInFlight, Date.now()),
    concurrency: (limit) => env.CONCURRENCY.getByName(limit),
    meshKey: env.MESH_KEY ?? "",
    idempotency: (shard) => env.IDEMPOTENCY.getByName(shard),
    answers,
    collector: () => env.COLLECTOR.getByName(collectorOf(mine.memory.recorder.isolate)),
    health: (object) => env.HEALTH.getByName(object),
    zone: env.ZONE || coloOf(request),
    edgeKey: async () => env.IDENTITY.getByName("identity").edgeKey(),
    debugKeys: async () => env.IDENTITY.getByName("identity").debugKeys(),
    log: (line) => write(mine.memory.lines, line, Date.now(), (work) => context.waitUntil(work)),
    later: (work) => context.waitUntil(work),
    memory: mine.memory,
    heard: (epoch) => {
      if (mine.active && epoch > mine.active.pointer.epoch) mine.lookedAt = 0;
    },
  };
}

const bindingOf = (env: Env, name: string): Fetcher | undefined =>
  (env as unknown as Readonly<Record<string, Fetcher | undefined>>)[name];

/** For load balancers, clients and people: what this isolate runs. Nothing that a stranger may not know. */
function reserved(path: string, { active }: Isolate, { SNAPSHOT_KEYS }: Env): Response {
  if (path === `${RESERVED}client` && active) return forClients(active);
  if (path !== `${RESERVED}health`)
    return deny({ cause: active ? "no-route" : "no-snapshot" }, active?.pointer ?? { epoch: 0, hash: "" });
  const status = active ? 200 : 503;
  const body = {
    status: active ? "ok" : "no-snapshot",
    epoch: active?.pointer.epoch ?? 0,
    source: active?.source ?? "none",
    verifies: Boolean(SNAPSHOT_KEYS),
  };
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}

/** That the edge is well, and what its clients do once it is not. Where a service is, each client has to know for itself. */
function forClients({ pointer: { epoch }, routes }: Active): Response {
  return Response.json({ epoch, direct: routes.manifest.direct ?? [] }, { headers: { "cache-control": "no-store" } });
}
