/** Route tables by who sees them: a listener's by Gateway, a Service's by the caller's namespace. */
import { compareText } from "../problem.ts";
import type { AmbiguousPaths } from "../canonical-path.ts";
import type { Listener, RouteTable, ServicePort } from "../snapshot.ts";
import { upsert } from "./upsert.ts";
import type { Tables } from "./memo.ts";
import { type Placed, tableOf } from "./table.ts";

/** The candidates of each route that is seen there, oldest first. */
type Routes = (readonly Placed[])[];
type Hosts = ReadonlyMap<string, Routes>;

const STRICTEST: readonly AmbiguousPaths[] = ["refuse", "resolve", "keep"];

/** One port and hostname, which several Gateways may have. Routes are added oldest first, whatever their Gateways. */
export class ListenerBuilder {
  readonly port: number;
  readonly hostname: string;
  readonly #gateways = new Set<string>();
  readonly #routes: { readonly gateway: string; readonly hostname: string; readonly placed: readonly Placed[] }[] = [];
  #paths: AmbiguousPaths = "keep";

  constructor(port: number, hostname: string) {
    this.port = port;
    this.hostname = hostname;
  }

  /** Says that `gateway` has this listener, with or without routes. */
  of(gateway: string): void {
    this.#gateways.add(gateway);
  }

  /** Of several that are said the strictest holds. */
  readsPaths(ambiguous: AmbiguousPaths): void {
    if (STRICTEST.indexOf(ambiguous) < STRICTEST.indexOf(this.#paths)) this.#paths = ambiguous;
  }

  add(gateway: string, hostname: string, placed: readonly Placed[]): void {
    this.#routes.push({ gateway, hostname, placed });
  }

  build(tables: Tables): Listener[] {
    const { port, hostname } = this;
    const paths = this.#paths;
    const listener = (gateways: readonly string[], of: string): Listener => ({
      port,
      hostname,
      gateways,
      ...(paths !== "refuse" && { paths }),
      hosts: built(this.#hosts(new Set(gateways)), `${port} ${hostname} of ${of}`, tables),
    });
    const gateways = [...this.#gateways].toSorted(compareText);
    const alone = gateways.length === 1 ? [] : gateways.map((name) => listener([name], name));
    return [listener(gateways, gateways.join(",")), ...alone];
  }

  #hosts(gateways: ReadonlySet<string>): Hosts {
    const hosts = new Map<string, Routes>();
    for (const { gateway, hostname, placed } of this.#routes)
      if (gateways.has(gateway)) upsert(hosts, hostname, () => []).push(placed);
    return hosts;
  }
}

/** One port of a Service: the routes of its own namespace (the producer's), and those of each other. */
export class ServiceBuilder {
  #producer: Routes | undefined;
  readonly #consumers = new Map<string, Routes>();

  /** `consumer` is the namespace whose callers alone the routes are for; undefined for the producer's routes. */
  add(consumer: string | undefined, placed: readonly Placed[]): void {
    const routes = consumer === undefined ? (this.#producer ??= []) : upsert(this.#consumers, consumer, () => []);
    routes.push(placed);
  }

  /** `name` is the Service's, with the port. No `producer` where it has no route of its own. */
  build(name: string, tables: Tables): { readonly producer?: RouteTable } & Pick<ServicePort, "consumers"> {
    const producer = this.#producer;
    return {
      ...(producer && { producer: tables.of("producers").get(name, producer, () => tableOf(producer)) }),
      ...(this.#consumers.size > 0 && { consumers: built(this.#consumers, `consumers of ${name}`, tables) }),
    };
  }
}

function built(hosts: Hosts, whose: string, tables: Tables): Record<string, RouteTable> {
  const kept = tables.of(whose);
  return Object.fromEntries([...hosts].map(([name, routes]) => [name, kept.get(name, routes, () => tableOf(routes))]));
}
