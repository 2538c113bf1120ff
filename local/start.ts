/**
 * `npm start`: the mesh on this machine with the example shop behind it, in one process that ends with everything it started.
 * `npm start -- --help` lists the options.
 */
import { setTimeout as wait } from "node:timers/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { ApiProblem, ApplyRequest, ChangeResponse } from "../mesh/api.ts";
import { publicKeys } from "../cli/snapshot-keys.ts";
import { formatProblem } from "../mesh/problem.ts";
import { AlreadyRunning, shown } from "./folder.ts";
import { type Installation, openInstallation, writeLocal } from "./installation.ts";
import { bootMesh, PortInUse } from "./mesh.ts";
import { killWorkerd } from "./orphans.ts";
import { DEFAULT_BASE, firstBusy, type Ports, portsFrom, SPAN } from "./ports.ts";
import { type Manifests, manifests, SIGNALLED_TOGETHER_MS, startServices } from "./shop.ts";
import { startTraffic } from "./traffic.ts";

const HOST = "shop.localhost";
const SELVEDGE = fileURLToPath(new URL("../.selvedge", import.meta.url));

const HELP = `npm start [-- OPTIONS]: the mesh on this machine, with the example shop behind it.

  --port PORT   the edge's port (default ${DEFAULT_BASE}); control takes the next one, the shop's services PORT+4 to PORT+${SPAN}
  --no-traffic  do not send light traffic through the edge
  --fresh       forget configuration and all other state of earlier runs first; the token stays
  --dir DIR     where state and token are kept (default .selvedge, which is where the CLI looks)
  --help        this text

Ctrl-C stops everything, and is a success: exit code 0. A port in use, or anything else that keeps it from starting: 1. Bad options: 64.
`;

/** Says in one line what the person at the terminal can mend; has no stack worth showing. */
class Trouble extends Error {}

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const note = (line: string): boolean => say(`${new Date().toTimeString().slice(0, 8)}  ${line}`);

/** What was started, the newest last. */
const ends: (() => unknown)[] = [];
let stopping = false;

async function start(base: number, dir: string, { fresh, traffic }: { fresh: boolean; traffic: boolean }) {
  const ports = portsFrom(base);
  const installation = await openInstallation(dir, { fresh });
  ends.push(installation.release);
  await checkPorts(ports);

  const booting = bootMesh({
    dir,
    control: {
      port: ports.control,
      token: installation.token,
      snapshotKey: JSON.stringify(installation.snapshotKey),
    },
    edges: [{ name: "edge", port: ports.edge }],
    meshKey: crypto.randomUUID(),
    snapshotKeys: JSON.stringify(publicKeys([installation.snapshotKey])),
  });
  const services = startServices(ports, (line) => note(`${line}; restart npm start to have it back`));
  ends.push(services.stop);
  const [mesh] = await Promise.all([booting, services.ready]);
  ends.push(() => mesh.dispose());

  const shop = await manifests(ports, dir);
  const applied = await apply(installation, ports, shop);
  await edgeServes(ports, applied.epoch);
  await writeLocal(installation, ports);
  say(welcome(installation, ports, shop, applied, traffic));
  if (traffic) ends.push(startTraffic(ports.edge, HOST, note));
}

async function checkPorts(ports: Ports): Promise<void> {
  const busy = await firstBusy(ports);
  if (!busy) return;
  const { role, port, code } = busy;
  const why = code === "EADDRINUSE" ? "is in use" : `cannot be listened on (${code})`;
  throw new Trouble(
    `port ${port}, for ${ROLES[role]}, ${why}; stop what holds it, or take other ports: npm start -- --port ${elsewhere(ports)}`,
  );
}

const ROLES: Readonly<Record<keyof Ports, string>> = {
  edge: "the edge",
  control: "control",
  catalogV1: "the shop's catalog v1",
  catalogV2: "the shop's catalog v2",
  checkout: "the shop's checkout",
  payments: "the shop's payments",
  storefront: "the shop's storefront",
};

const elsewhere = ({ edge }: Ports): number => (edge + 1000 + SPAN <= 65_535 ? edge + 1000 : DEFAULT_BASE);

async function apply({ token }: Installation, { control }: Ports, { files, path }: Manifests): Promise<ChangeResponse> {
  const request: ApplyRequest = { files, author: "npm start", message: `Apply ${path}` };
  const response = await fetch(`http://127.0.0.1:${control}/v1/apply`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = (await response.json()) as ChangeResponse | ApiProblem;
  const problems = (answer.problems ?? []).map(formatProblem);
  if (!("results" in answer)) {
    const why = answer.detail ?? answer.title;
    throw new Trouble([`control did not take ${path}: ${response.status} ${why}`, ...problems].join("\n"));
  }
  for (const problem of problems) say(problem);
  return answer;
}

async function edgeServes({ edge }: Ports, epoch: number): Promise<void> {
  for (const until = performance.now() + 10_000; performance.now() < until; await wait(25)) {
    const health = await fetch(`http://127.0.0.1:${edge}/.well-known/selvedge/health`);
    const { epoch: serving } = (await health.json()) as { readonly epoch: number };
    if (health.ok && serving >= epoch) return;
  }
  throw new Trouble(`the edge does not serve epoch ${epoch} after ten seconds; try npm start -- --fresh`);
}

function welcome(
  { dir }: Installation,
  { edge, control, payments }: Ports,
  { path }: Manifests,
  { epoch, changed, results }: ChangeResponse,
  traffic: boolean,
): string {
  const atEdge = `http://127.0.0.1:${edge}`;
  const done = results.filter(({ action }) => action !== "unchanged").length;
  const token = `$(cat ${shown(join(dir, "token"))})`;
  return `
Selvedge is ready after ${(performance.now() / 1000).toFixed(1)} s.

  edge      ${atEdge}
            the shop        curl -H 'Host: ${HOST}' ${atEdge}/
                            in a browser, http://${HOST}:${edge}/
            one service     curl ${atEdge}/~catalog.shop/items
  dashboard http://127.0.0.1:${control}/
            npx selvedge dashboard opens it; or it asks for the token: ${shown(join(dir, "token"))}
  control   http://127.0.0.1:${control}
            the selvedge command finds it and its token by itself; for curl:
                            curl -H "Authorization: Bearer ${token}" http://127.0.0.1:${control}/v1/edges
  running   ${path} as epoch ${epoch} (${changed ? `${done} of ${results.length} resources changed` : "unchanged"})
  traffic   ${traffic ? "5 requests a second; failures are told every 10 s" : "none"}

Worth trying, in another terminal:

  npx selvedge proxy-status
      which epoch every edge runs, and whether it has it from KV
  npx selvedge routes
      which request goes where
  npx selvedge explain GET http://${HOST}:${edge}/ --live
      why a running edge does what it does with a request
  npx selvedge apply -f ${path}${traffic ? " --wait" : ""}
      after changing the weights in ${path}/catalog.yaml: traffic shifts at once
  curl -X POST 'http://127.0.0.1:${payments}/_break?status=503&for=20s'
      payments fails for 20 seconds, and its breaker opens
  curl -i -X POST -H 'Host: ${HOST}' ${atEdge}/checkout
      meanwhile: first "payments is broken", then "breaker-open"; whole again by itself

Ctrl-C stops everything.
`;
}

/** Ends whatever was started, newest first. Nothing here may keep the rest from ending. */
async function stop(code: number): Promise<never> {
  // Ctrl-C under npm arrives twice: once from the terminal, once from npm.
  if (stopping) return new Promise(() => {});
  stopping = true;
  const ended = (async () => {
    for (const end of ends.reverse()) {
      try {
        await end();
      } catch {
        // Ctrl-C reaches workerd as well; disposing of one that is gone throws.
      }
    }
  })();
  await Promise.race([ended, wait(3000)]);
  killWorkerd();
  process.exit(code);
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string", default: String(DEFAULT_BASE) },
        "no-traffic": { type: "boolean", default: false },
        fresh: { type: "boolean", default: false },
        dir: { type: "string", default: SELVEDGE },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : 0;
    if (port < 1 || port + SPAN > 65_535)
      throw new Error(`--port takes a number from 1 to ${65_535 - SPAN}, not ${JSON.stringify(values.port)}`);
    return { ...values, port };
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n\n${HELP}`);
    process.exit(64);
  }
}

const { port, dir, fresh, help, "no-traffic": noTraffic } = options();
if (help) {
  process.stdout.write(HELP);
  process.exit(0);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(0));
try {
  await start(port, resolve(dir), { fresh, traffic: !noTraffic });
} catch (error) {
  // Ctrl-C while it boots ends the services first; what they leave undone is no failure.
  await wait(SIGNALLED_TOGETHER_MS);
  if (!stopping) {
    const known = error instanceof Trouble || error instanceof AlreadyRunning || error instanceof PortInUse;
    process.stderr.write(`error: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  }
  await stop(1);
}
