/** Route tables by who sees them: a listener's by Gateway, a Service's by the caller's namespace. */
import { compareText } from "../problem.ts";
import type { AmbiguousPaths } from "../canonical-path.ts";
import type { Listener, RouteTable, ServicePort } from "../snapshot.ts";
import { type Placed, TableBuilder } from "./table.ts";

type Hosts = Map<string, TableBuilder>;

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
    for (const hosts of [this.#merged, this.of(gateway)]) upsert(hosts, hostname, () => new TableBuilder()).add(placed);
  }

  build(): Listener[] {
    const { port, hostname } = this;
    const paths = this.#paths;
    const listener = (gateways: readonly string[], hosts: Hosts): Listener => ({
      port,
      hostname,
      gateways,
      ...(paths !== "refuse" && { paths }),
      hosts: built(hosts),
    });
    const gateways = [...this.#gateways].toSorted(([a], [b]) => compareText(a, b));
    const names = gateways.map(([name]) => name);
    const alone = names.length === 1 ? [] : gateways.map(([name, hosts]) => listener([name], hosts));
    return [listener(names, this.#merged), ...alone];
  }
}

/** One port of a Service: the routes of its own namespace (the producer's), and those of each other. */
export class ServiceBuilder {
  #producer: TableBuilder | undefined;
  readonly #consumers: Hosts = new Map();

  /** `consumer` is the namespace whose callers alone the routes are for; undefined for the producer's routes. */
  add(consumer: string | undefined, placed: readonly Placed[]): void {
    const table =
      consumer === undefined
        ? (this.#producer ??= new TableBuilder())
        : upsert(this.#consumers, consumer, () => new TableBuilder());
    table.add(placed);
  }

  /** No `producer` where the Service has no route of its own. */
  build(): { readonly producer?: RouteTable } & Pick<ServicePort, "consumers"> {
    return {
      ...(this.#producer && { producer: this.#producer.build() }),
      ...(this.#consumers.size > 0 && { consumers: built(this.#consumers) }),
    };
  }
}

const built = (tables: Hosts): Record<string, RouteTable> =>
  Object.fromEntries([...tables].map(([key, table]) => [key, table.build()]));

export function upsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
