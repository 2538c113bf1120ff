/** Route tables by who sees them: a listener's by Gateway, a Service's by the caller's namespace. */
import type { Kept } from "../kept.ts";
import { compareText } from "../problem.ts";
import type { AmbiguousPaths } from "../canonical-path.ts";
import type { Listener, RouteTable, ServicePort } from "../snapshot.ts";
import { type Placed, tableOf } from "./table.ts";

/** The candidates of each route that is seen there, oldest first. */
type Routes = (readonly Placed[])[];
type Hosts = Map<string, Routes>;

const STRICTEST: readonly AmbiguousPaths[] = ["refuse", "resolve", "keep"];

/** One port and hostname, which several Gateways may have. Routes are added oldest first, whatever their Gateways. */
export class ListenerBuilder {
  readonly port: number;
  readonly hostname: string;
  readonly #merged: Hosts = new Map();
  readonly #gateways = new Map<string, Hosts>();
  #paths: AmbiguousPaths = "keep";

  constructor(port: number, hostname: string) {
    this.port = port;
    this.hostname = hostname;
  }

  /** Says that `gateway` has this listener, with or without routes. */
  of(gateway: string): Hosts {
    return upsert(this.#gateways, gateway, () => new Map());
  }

  /** Of several that are said the strictest holds. */
  readsPaths(ambiguous: AmbiguousPaths): void {
    if (STRICTEST.indexOf(ambiguous) < STRICTEST.indexOf(this.#paths)) this.#paths = ambiguous;
  }

  add(gateway: string, hostname: string, placed: readonly Placed[]): void {
    for (const hosts of [this.#merged, this.of(gateway)]) upsert(hosts, hostname, () => []).push(placed);
  }

  build(tables: Kept<RouteTable>): Listener[] {
    const { port, hostname } = this;
    const paths = this.#paths;
    const listener = (gateways: readonly string[], hosts: Hosts): Listener => ({
      port,
      hostname,
      gateways,
      ...(paths !== "refuse" && { paths }),
      hosts: built(hosts, `${port} ${hostname} of ${gateways.join(",")}`, tables),
    });
    const gateways = [...this.#gateways].toSorted(([a], [b]) => compareText(a, b));
    const names = gateways.map(([name]) => name);
    const alone = names.length === 1 ? [] : gateways.map(([name, hosts]) => listener([name], hosts));
    return [listener(names, this.#merged), ...alone];
  }
}

/** One port of a Service: the routes of its own namespace (the producer's), and those of each other. */
export class ServiceBuilder {
  #producer: Routes | undefined;
  readonly #consumers: Hosts = new Map();

  /** `consumer` is the namespace whose callers alone the routes are for; undefined for the producer's routes. */
  add(consumer: string | undefined, placed: readonly Placed[]): void {
    const routes = consumer === undefined ? (this.#producer ??= []) : upsert(this.#consumers, consumer, () => []);
    routes.push(placed);
  }

  /** `name` is the Service's, with the port. No `producer` where it has no route of its own. */
  build(name: string, tables: Kept<RouteTable>): { readonly producer?: RouteTable } & Pick<ServicePort, "consumers"> {
    const producer = this.#producer;
    return {
      ...(producer && { producer: tables.get(name, producer, () => tableOf(producer)) }),
      ...(this.#consumers.size > 0 && { consumers: built(this.#consumers, name, tables) }),
    };
  }
}

const built = (hosts: Hosts, whose: string, tables: Kept<RouteTable>): Record<string, RouteTable> =>
  Object.fromEntries(
    [...hosts].map(([name, routes]) => [name, tables.get(`${whose} ${name}`, routes, () => tableOf(routes))]),
  );

export function upsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
