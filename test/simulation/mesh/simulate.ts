/** One run: the whole mesh, with the code that production runs, under one scenario. The same scenario, the same log. */
import { sidecar } from "../../../workers/edge-proxy/index.ts";
import { exponential } from "../events.ts";
import { Accounting } from "./accounting.ts";
import { behaviours } from "./behaviours.ts";
import { beside, configuration, logged, type Logged, SERVICES, type Service } from "./configuration.ts";
import { Control, CRON_MS } from "./control.ts";
import { type Answered, Edges, type Slot } from "./edges.ts";
import { CLASSES, VARS } from "./environment.ts";
import { type Asked, type Happening, invariants } from "./invariants.ts";
import { Caches, Kv } from "./kv.ts";
import { type Heard, Objects } from "./objects.ts";
import { installGlobals } from "./runtime.ts";
import type { Fault, Scenario } from "./scenario.ts";
import { Services } from "./services.ts";
import { fairWeather } from "./weather.ts";
import { type Process, type Task, World } from "./world.ts";

export type Run = {
  readonly violations: readonly string[];
  readonly log: readonly string[];
  readonly requests: number;
  readonly messages: number;
};

/** After the last fault, all is well within so long: a probe whose isolate was killed keeps its permit for 31 s. */
const WELL_MS = 35_000;
const SPELLINGS = [
  "/catalog/%61dmin",
  "/catalog//admin",
  "/catalog/./admin",
  "/catalog/x/../admin",
  "/catalog\\admin",
  "/catalog/admin/",
];

let running: Simulation | undefined;
let installed = false;

export async function simulate(scenario: Scenario): Promise<Run> {
  if (!installed) {
    installGlobals(() => running?.world ?? OUTSIDE, {
      fetch: (url, init) => running!.services.fetch(url, init),
      cache: () => running!.caches.here(),
    });
    installed = true;
  }
  running = new Simulation(scenario);
  return running.run();
}
/** Where no run is under way. */
const OUTSIDE = new World(0);

class Simulation {
  readonly world: World;
  readonly caches: Caches;
  readonly services: Services;
  readonly #scenario: Scenario;
  readonly #weather = fairWeather();
  readonly #objects: Objects;
  readonly #kv: Kv;
  readonly #edges: Edges;
  readonly #control: Control;
  readonly #accounting: Accounting;
  readonly #invariants;
  #applied = 0;
  #requests = 0;
  #nested = 0;
  /** Those after the storm: by service, how many came out well. */
  readonly #calm = new Map<string, { well: number; badly: number }>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const { seed, unsteadiness } = scenario;
    const world = (this.world = new World(seed));
    this.caches = new Caches(world);
    this.#invariants = invariants(unsteadiness);
    this.#objects = new Objects(world, this.#weather, CLASSES, unsteadiness);
    this.#objects.onReply = (heard) => {
      const { object, method, reply } = heard;
      world.say(`${world.task!.process.name} hears of ${object}.${method}: ${JSON.stringify(reply)?.slice(0, 200)}`);
      this.#see({ kind: "heard", heard, by: world.task! });
      if (isGranted(heard)) this.#atProbe(object, world.task!.process);
    };
    this.#kv = new Kv(world, this.#weather);
    this.services = new Services(world, this.#weather, behaviours, {
      sent: (sent) => this.#see({ kind: "sent", sent }),
      executed: (sent) => this.#see({ kind: "executed", sent }),
      over: (sent) => this.#see({ kind: "over", sent }),
    });
    this.services.outgoing = (from) => (host, path, headers) => this.#outgoing(from, host, path, headers);
    const bindings = {
      SNAPSHOTS: this.#kv,
      ...Object.fromEntries(Object.keys(CLASSES).map((name) => [name, this.#objects.namespace(name)])),
    };
    const slots = Array.from({ length: scenario.edges }, (_, n) => ({ name: `edge-${n}`, place: `place-${n % 4}` }));
    this.#edges = new Edges(world, slots, unsteadiness, sidecar, ({ name }) => ({
      ...VARS,
      ...bindings,
      EDGE_NAME: name,
    }));
    this.#accounting = new Accounting(this.#objects);
    this.#edges.onAnswer = (process, cause) => this.#accounting.answered(process, cause);
    this.#control = new Control(world, bindings, (epoch) => this.#see({ kind: "committed", epoch }));
  }

  async run(): Promise<Run> {
    const { world } = this;
    const { stormMs, calmMs, plan } = this.#scenario;
    await this.#apply();
    for (const { at, fault } of plan) world.time.at(world.now + at, () => this.#strike(fault));
    // Comes round once soon after the storm, so that what it mends need not be waited for.
    world.time.at(world.now + ((stormMs + 2000) % CRON_MS), () => this.#control.cron());
    const began = world.now;
    this.#stormEnds = began + stormMs;
    for (const service of Object.keys(SERVICES) as Service[]) this.#traffic(service, began + stormMs + calmMs - 10_000);
    await world.until(began + stormMs, () => {});
    this.#clear();
    await world.until(began + stormMs + calmMs, () => {});
    await this.#judge();
    this.#objects.close();
    return { violations: world.violations, log: world.log, requests: this.#requests, messages: this.#objects.messages };
  }

  #see(happening: Happening): void {
    for (const { name, see } of this.#invariants) {
      const wrong = see(happening, this.world.now);
      if (wrong !== undefined) this.world.violated(name, wrong);
    }
  }

  /** Applies the next version, and waits for what control says; in the midst of a run nobody waits. */
  async #apply(): Promise<void> {
    const first = this.#applied === 0;
    this.#control.apply("mesh", configuration(`m${++this.#applied}`));
    if (first) await this.world.until(this.world.now + 2000, () => {});
  }

  /** Heavy in the storm, and in the calm as light as it can be and still show that all is well. */
  #traffic(service: Service, until: number): void {
    const { world } = this;
    const random = world.random(`traffic ${service}`);
    const load = this.#scenario.load[service];
    const next = (): void => {
      const perSecond = world.now <= this.#calmAt ? load : Math.min(load * (this.#isCalm() ? 0.3 : 0.1), 2);
      world.time.after((exponential(random) * 1000) / perSecond, () => {
        if (world.now > until) return;
        this.#ask(service, random);
        next();
      });
    };
    next();
  }

  #ask(service: Service, random: () => number): void {
    const { world } = this;
    const id = `${service}-${++this.#requests}`;
    const method = service === "pay" || service === "plain" ? "POST" : "GET";
    // Some requests are repeated by their callers, with the key that they had; what failed in the storm stays failed.
    const repeated = `${this.#isCalm() ? "calm" : "k"}${Math.floor(this.#requests / 60)}`;
    const key = service === "pay" ? `"${Math.floor(random() * 3) === 0 ? repeated : id}"` : undefined;
    const hostile = service === "catalog" && random() < 0.2;
    const path = hostile && random() < 0.5 ? SPELLINGS[Math.floor(random() * SPELLINGS.length)]! : `/${service}/x`;
    const patient = this.#scenario.patienceMs >= 10_000;
    const asked: Asked = { id, service, method, key, at: world.now, patient };
    const headers = new Headers({ "x-request": id, "x-client": `192.0.2.${Math.floor(random() * 250)}` });
    if (key !== undefined) headers.set("idempotency-key", key);
    if (hostile) {
      headers.set("selvedge-caller", "forged");
      headers.set("connection", "x-hop");
      headers.set("x-hop", "1");
    }
    const body = method === "POST" ? { body: key ?? id } : {};
    const request = new Request(`http://shop.test${path}`, { method, headers, ...body });
    const slot = this.#slot(random);
    const after = this.#isCalm();
    world.say(`asks ${id} of ${slot.name}`);
    this.#edges.send(slot, request, this.#scenario.patienceMs, (answer) => {
      world.say(`${id} has ${answer ? `${answer.status} ${answer.headers.get("selvedge-cause") ?? ""}` : "nothing"}`);
      this.#see({ kind: "answered", asked, answer });
      if (after && !hostile) this.#note(service, answer);
    });
  }

  #slot(random: () => number): Slot {
    const { slots } = this.#edges;
    return slots[random() < this.#scenario.skew ? 0 : Math.floor(random() * slots.length)]!;
  }

  /** What a service calls through the mesh, with what its own request brought along. */
  #outgoing(from: Task, host: string, path: string, headers: Headers): Promise<Response> {
    const { world } = this;
    const slot = this.#slot(world.random("outgoing"));
    headers.set("x-request", `${headers.get("x-request")}.${++this.#nested}`);
    const request = new Request(`http://${host}${path}`, { headers });
    return new Promise((resolve, reject) => {
      this.#edges.send(slot, request, 10_000, (answer) => {
        world.run(from, () => {
          if (!answer) return reject(new Error("Network connection lost."));
          resolve(new Response(answer.body, { status: answer.status, headers: answer.headers }));
        });
      });
    });
  }

  #strike(fault: Fault): void {
    const { world } = this;
    const weather = this.#weather;
    world.say(`FAULT ${JSON.stringify(fault)}`);
    const forNow = (ms: number, end: () => void): void => void world.time.after(ms, end);
    const slot = "edge" in fault ? this.#edges.slots[fault.edge % this.#edges.slots.length]! : undefined;
    switch (fault.kind) {
      case "kill":
        return this.#kill(slot!);
      case "cut off":
        weather.cutOff = slot!.name;
        return forNow(fault.ms, () => (weather.cutOff = ""));
      case "at probes":
        weather.atProbes = { does: fault.does, left: fault.count };
        return;
      case "freeze":
        // It thaws in its time, with all that has come meanwhile, and not when the storm is over.
        return this.#edges.freeze(slot!, Math.min(fault.ms, this.#stormEnds - world.now));
      case "restart control":
        return this.#control.restart();
      case "cold caches":
        return this.caches.forget();
      case "reset objects":
        for (const name of this.#objects.names) if (name.startsWith(`${fault.of}/`)) this.#objects.reset(name);
        return;
      case "supersede objects":
        for (const name of this.#objects.names)
          if (name.startsWith(`${fault.of}/`)) this.#objects.supersede(name, fault.ms);
        return;
      case "objects":
        weather.objects = fault.state;
        return forNow(fault.ms, () => (weather.objects = "up"));
      case "network":
        Object.assign(weather, { loss: fault.loss, duplicates: fault.duplicates, slowMs: fault.slowMs });
        return forNow(fault.ms, () => Object.assign(weather, { loss: 0, duplicates: 0, slowMs: 0 }));
      case "kv":
        weather.kv = fault.state;
        // What nobody changes can hardly go wrong.
        forNow(fault.ms / 3, () => void this.#apply());
        return forNow(fault.ms, () => (weather.kv = "up"));
      case "kv lag":
        weather.kvLagMs = fault.lagMs;
        forNow(fault.ms / 3, () => void this.#apply());
        return forNow(fault.ms, () => (weather.kvLagMs = 1000));
      case "ill": {
        const [service = "", index = ""] = fault.endpoint.split("/");
        const all = SERVICES[service as Service];
        const ill = index === "*" ? Array.from({ length: all }, (_, n) => `${service}/${n}`) : [fault.endpoint];
        for (const endpoint of ill) weather.endpoints.set(endpoint, fault.illness);
        return forNow(fault.ms, () => ill.forEach((endpoint) => weather.endpoints.delete(endpoint)));
      }
      case "apply":
        if (fault.beside) this.#control.apply(`team-${this.#applied}`, beside(`team-${this.#applied}`));
        return void this.#apply();
    }
  }

  /** While the probe is on its way to the service. */
  #atProbe(object: string, { name }: Process): void {
    const { atProbes } = this.#weather;
    if (atProbes.left === 0) return;
    atProbes.left--;
    const slot = this.#edges.slots.find(({ isolate }) => isolate?.process.name === name);
    this.world.time.after(20, () => {
      if (atProbes.does === "reset the object") this.#objects.reset(object);
      else if (slot?.isolate?.process.name === name) this.#kill(slot);
    });
  }

  #kill(slot: Slot): void {
    if (slot.isolate) this.#accounting.killed(slot.isolate.process);
    this.#edges.kill(slot);
  }

  #clear(): void {
    this.world.say("the storm is over");
    Object.assign(this.#weather, fairWeather());
    this.#calmAt = this.world.now;
    // By then the cron has been round.
    this.world.time.after(4000, () => this.#see({ kind: "calm" }));
  }
  #calmAt = Infinity;
  #stormEnds = Infinity;

  /** Long enough after the storm for breakers to have closed, leases to have come back, configuration to have arrived. */
  #isCalm(): boolean {
    return this.world.now > this.#calmAt + WELL_MS;
  }

  #note(service: string, answer: Answered | undefined): void {
    const noted = this.#calm.get(service) ?? { well: 0, badly: 0 };
    this.#calm.set(service, noted);
    const refusedRightly = service === "limited" && answer?.status === 429;
    // Some keys were used in the storm, and what became of them is not known for as long as they are kept.
    const unknown =
      service === "pay" && (answer?.status === 409 || answer?.headers.get("selvedge-cause") === "idempotency-unknown");
    if (refusedRightly || unknown || (service === "permits" && answer?.status === 503)) return;
    if (answer && answer.status < 500) noted.well++;
    else noted.badly++;
  }

  async #log(): Promise<readonly Logged[]> {
    const { epoch: newest } = (await this.#objects.ask("CONFIG/config", "head")) as { readonly epoch: number };
    const epochs: Logged[] = [];
    for (let epoch = 1; epoch <= newest; epoch++) {
      const mesh = (await this.#objects.ask("CONFIG/config", "read", epoch)) as
        | Parameters<typeof logged>[0]
        | undefined;
      if (mesh) epochs.push(logged(mesh));
    }
    return epochs;
  }

  async #judge(): Promise<void> {
    const { world } = this;
    for (const [service, { badly }] of this.#calm)
      if (badly > 0 && this.#scenario.patienceMs >= 10_000)
        world.violated("all is well again", `${badly} requests of ${service} failed when nothing was wrong any more`);
    this.#see({ kind: "log", epochs: await this.#log() });
    for (const wrong of await this.#accounting.judge()) world.violated("8.9 counted once", wrong);
  }
}

const isGranted = ({ method, reply }: Heard): boolean =>
  method === "probe" && (reply as { readonly granted?: boolean }).granted === true;
