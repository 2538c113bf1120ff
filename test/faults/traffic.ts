/** Clients and services of a mesh under faults, and what each of them saw. */
import { Agent } from "node:http";
import { ask } from "../support/http.ts";
import { type Upstream, upstream } from "../support/upstream.ts";
import { EDGES, type EdgeName, type Fleet } from "./fleet.ts";
import { Relay } from "./network.ts";

export const RATE = 20;
export const BURST = 20;
/** Retries of a request, beside its first try. */
export const RETRIES = 2;
/** What a rule allows a request, and what the mesh may wait for its objects; in milliseconds. */
export const REQUEST_MS = 3000;
/** Requests a second. */
const LOAD = { plain: 20, shaky: 6, pay: 8, once: 6, limited: 40 } as const;
export type Service = keyof typeof LOAD;
const SERVICES = Object.keys(LOAD) as Service[];
const WORK_MS = 10;
/** A client waits so long. */
const PATIENCE_MS = 15_000;

/** Times in milliseconds since 1970. */
export type Asked = {
  readonly id: string;
  readonly service: Service;
  readonly edge: EdgeName;
  /** Which process of that name. */
  readonly life: number;
  readonly at: number;
  /** Undefined while it is under way. */
  ended: number | undefined;
  /** Undefined where the connection failed. */
  status: number | undefined;
  cause: string | undefined;
  /** How the connection failed, where it did. */
  broke?: string;
  epoch: number;
};
/** One arrival at a service. */
export type Arrived = {
  readonly id: string;
  readonly service: Service;
  readonly at: number;
  readonly mark: string;
  readonly key: string;
};

export class Traffic {
  asked: Asked[] = [];
  arrived: Arrived[] = [];
  /** How often clients asked. */
  sent = 0;
  /** What services are told to do, besides answering. */
  shakyFails = false;
  readonly lives = new Map<EdgeName, number>();
  readonly #fleet: Fleet;
  readonly #services = new Map<Service, Upstream>();
  readonly #timers: NodeJS.Timeout[] = [];
  // Leaves a connection before workerd does, after five idle seconds: a request on its way then would meet a reset that no mesh can prevent.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 400, maxFreeSockets: 20, timeout: 2000 });
  relay!: Relay;
  #number = 0;

  private constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  static async with(fleet: Fleet): Promise<Traffic> {
    const traffic = new Traffic(fleet);
    for (const name of SERVICES) traffic.#services.set(name, await traffic.#serve(name));
    traffic.relay = await Relay.to(traffic.#services.get("plain")!.port);
    return traffic;
  }

  #serve(service: Service): Promise<Upstream> {
    const up = upstream(service, ({ headers }, response) => {
      const read = (name: string): string => String(headers[name] ?? "");
      const id = read("x-request");
      this.arrived.push({ id, service, at: Date.now(), mark: read("x-mark"), key: read("idempotency-key") });
      const status = service === "shaky" && this.shakyFails ? 503 : 200;
      setTimeout(() => response.writeHead(status).end(id), WORK_MS);
    });
    // They are kept in `arrived`; an hour of them twice would be memory for nothing.
    void up.then(({ received }) => this.#timers.push(setInterval(() => (received.length = 0), 1000)));
    return up;
  }

  /** Clients ask from now on, each request due whether or not the ones before it were answered. */
  begin(): void {
    for (const service of SERVICES) this.#timers.push(setInterval(() => void this.#ask(service), 1000 / LOAD[service]));
  }

  async #ask(service: Service): Promise<void> {
    const id = `${service}-${++this.#number}`;
    const key = `"${id}"`;
    await Promise.all([
      this.ask(service, { id, key }),
      // Some callers are impatient, and send again what they have not had an answer to.
      ...(service === "pay" && this.#number % 5 === 0 ? [this.ask(service, { id: `${id}-again`, key })] : []),
    ]);
  }

  async ask(
    service: Service,
    how: Partial<Pick<Asked, "id" | "edge">> & { readonly key?: string } = {},
  ): Promise<Asked> {
    const number = ++this.#number;
    const { id = `${service}-${number}`, edge = EDGES[number % EDGES.length]! } = how;
    const { key = `"${id}"` } = how;
    const one: Asked = {
      id,
      service,
      edge,
      life: this.lives.get(edge) ?? 0,
      at: Date.now(),
      ended: undefined,
      status: undefined,
      cause: undefined,
      epoch: 0,
    };
    this.asked.push(one);
    this.sent++;
    const post = service === "pay" || service === "once";
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error("late")), PATIENCE_MS).unref();
    });
    try {
      const asking = ask({
        port: this.#fleet.port[edge],
        path: `/${service}/x`,
        host: "shop.test",
        method: post ? "POST" : "GET",
        headers: { "x-request": id, ...(service === "pay" && { "idempotency-key": key }) },
        agent: this.#agent,
        ...(post && { body: id }),
      });
      const { status, headers } = await Promise.race([asking, late]);
      one.status = status;
      one.cause = headers["selvedge-cause"] as string | undefined;
      one.epoch = Number(headers["selvedge-epoch"] ?? 0);
    } catch (error) {
      // The connection broke, or nobody answered: what that may mean is the invariants' to say.
      one.broke = (error as { code?: string }).code ?? (error as Error).message;
    }
    one.ended = Date.now();
    return one;
  }

  /**
   * Leaves out what was asked before that time and has ended, and its arrivals: of hours of traffic, a judgement of all of it takes so long
   * that services in this process answer late. A request and its repetition stay together.
   */
  forget(before: number): void {
    const first = (id: string): string => id.replace(/-again$/, "");
    const kept = new Set(
      this.asked.flatMap(({ id, at, ended }) => (ended === undefined || at >= before ? [first(id)] : [])),
    );
    this.asked = this.asked.filter(({ id }) => kept.has(first(id)));
    this.arrived = this.arrived.filter(({ id }) => kept.has(first(id)));
  }

  /** Until every request has ended. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    while (this.asked.some(({ ended }) => ended === undefined)) await new Promise((next) => setTimeout(next, 50));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#agent.destroy();
    this.relay.close();
    await Promise.all([...this.#services.values()].map((one) => one.close()));
  }

  /** The mesh, in a version that marks every request. */
  configuration(mark: string): string {
    const url = (service: Service): string => this.#services.get(service)!.url;
    const endpoints = (service: Service): string =>
      service === "plain" ? `{ url: "${url(service)}" }, { url: "${this.relay.url}" }` : `{ url: "${url(service)}" }`;
    return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { gatewayClassName: selvedge, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: limited, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: limited }]
  onUnavailable: deny
  limits: [{ name: all, requests: ${RATE}, window: 1s, burst: ${BURST} }]
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: IdempotencyPolicy
metadata: { name: pay, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: pay }]
  mode: Required
  executionTimeout: ${REQUEST_MS}ms
${SERVICES.map(
  (service) => `---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: ${service}, namespace: shop }
spec: { endpoints: [${endpoints(service)}] }
---
apiVersion: mesh.selvedge.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${service}, namespace: shop }
spec:
  targetRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${service} }]
  timeouts: { request: ${REQUEST_MS}ms, firstByte: 1s }
  retry: { on: [5xx, reset, connect-failure], attempts: ${RETRIES}, backoff: { base: 20ms, max: 100ms } }
  ${service === "shaky" ? "breaker: { failures: 3, openFor: 500ms, maxOpenFor: 500ms, rampFor: 0s }" : "loadBalancing: {}"}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${service}, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [shop.test]
  rules:
  - matches: [{ path: { value: /${service} } }]
    filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-mark, value: "${mark}" }] } }]
    backendRefs: [{ group: mesh.selvedge.dev, kind: Backend, name: ${service} }]
`,
).join("")}`;
  }
}
