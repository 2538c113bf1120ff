/**
 * Resources -> snapshot: references resolved, defaults filled in, everything in the order in which the edge tries it.
 * Deterministic: the same resources give the same text, in whatever order they come.
 */
import { byPlace, compareText, type Problem } from "../problem.ts";
import { type KindName, KINDS } from "../resources/kinds.ts";
import type { Resource } from "../resources/resource.ts";
import { encode, type RouteTable, type ServicePort, type Snapshot, SNAPSHOT_FORMAT } from "../snapshot.ts";
import { attachments, isCarried, isOurs } from "./attach.ts";
import { destinations, httpPorts } from "./backends.ts";
import { Interned } from "../interned.ts";
import { type Model, model } from "./model.ts";
import { policies } from "./policies.ts";
import { type Compiling, ownRule, ruleCandidates } from "./rules.ts";
import { ListenerBuilder, ServiceBuilder, upsert } from "./scopes.ts";

export type Compiled = { readonly text: string; readonly snapshot: Snapshot; readonly problems: readonly Problem[] };

export function compile(resources: readonly Resource[]): Compiled {
  const from = model(resources);
  const compiling: Compiling = {
    model: from,
    policies: policies(from),
    destinations: destinations(from),
    rules: new Interned(),
    backends: new Interned(),
  };
  reportUncarried(from, resources);
  const { listeners, services } = tables(compiling);
  const snapshot: Snapshot = {
    format: SNAPSHOT_FORMAT,
    listeners,
    services,
    rules: compiling.rules.list,
    backends: compiling.backends.list,
  };
  return { text: encode(snapshot), snapshot, problems: from.problems.toSorted(byPlace) };
}

function tables(compiling: Compiling): Pick<Snapshot, "listeners" | "services"> {
  const { model } = compiling;
  const atListeners = new Map<string, ListenerBuilder>();
  const atServices = new Map<string, ServiceBuilder>();

  // A listener without routes still has its hostname to itself: a request for it must not fall to a wider one.
  for (const gateway of model.all("Gateway").filter((one) => isOurs(model, one)))
    for (const { port, hostname = "" } of gateway.spec.listeners.filter(isCarried))
      upsert(atListeners, `${port} ${hostname}`, () => new ListenerBuilder(port, hostname)).of(titleOf(gateway));

  // Routes come oldest first, which is the order that decides between equals.
  for (const route of model.all("HTTPRoute"))
    for (const attachment of attachments(model, route))
      if (attachment.kind === "listener") {
        const { gateway, listener, hostnames } = attachment;
        const builder = atListeners.get(`${listener.port} ${listener.hostname ?? ""}`)!; // made above
        const candidates = ruleCandidates(compiling, route, [
          { kind: "Gateway", ...nameOf(gateway) },
          { kind: "Gateway", ...nameOf(gateway), section: listener.name },
        ]);
        for (const hostname of hostnames) builder.add(titleOf(gateway), hostname, candidates);
      } else {
        const { service, ports, consumer } = attachment;
        const candidates = ruleCandidates(compiling, route, [{ kind: "Service", ...nameOf(service) }]);
        for (const port of ports)
          upsert(atServices, serviceKey(service, port), () => new ServiceBuilder()).add(consumer, candidates);
      }

  const listeners = [...atListeners.values()]
    .toSorted((a, b) => a.port - b.port || compareText(a.hostname, b.hostname))
    .flatMap((builder) => builder.build());
  return { listeners, services: services(compiling, atServices) };
}

/** Every Service answers at its address, by its routes or else by its own endpoints; so does every Backend without a Service of its name. */
function services(compiling: Compiling, routed: ReadonlyMap<string, ServiceBuilder>): Snapshot["services"] {
  const { model, destinations } = compiling;
  const found: Record<string, ServicePort[]> = {};
  for (const service of model.all("Service")) {
    const ports = httpPorts(service).map(({ port }): ServicePort => {
      const { producer, consumers } = routed.get(serviceKey(service, port))?.build() ?? {};
      const table = producer ?? everything(ownRule(compiling, destinations.ofService(service, port)));
      return { port, table, ...(consumers && { consumers }) };
    });
    if (ports.length > 0) found[addressOf(service)] = ports;
  }
  for (const backend of model.all("Backend")) {
    const { namespace, name } = backend.metadata;
    // A name with a dot could not be told from its namespace.
    if (name.includes(".") || model.find("Service", namespace, name)) continue;
    const table = everything(ownRule(compiling, destinations.ofBackend(backend)));
    found[addressOf(backend)] = [{ port: 80, table }];
  }
  return found;
}

type NamedItem = { readonly metadata: { readonly namespace: string; readonly name: string } };

const nameOf = ({ metadata: { namespace, name } }: NamedItem) => ({ namespace, name });
const titleOf = ({ metadata: { namespace, name } }: NamedItem): string => `${namespace}/${name}`;
const addressOf = ({ metadata: { namespace, name } }: NamedItem): string => `${name}.${namespace}`;
const serviceKey = (service: NamedItem, port: number): string => `${addressOf(service)}:${port}`;
const everything = (rule: number): RouteTable => ({ exact: {}, prefix: { "": [{ rule }] } });

/** Kinds and listeners that this runtime cannot carry are said to be so, one by one. */
function reportUncarried(model: Model, resources: readonly Resource[]): void {
  for (const { kind, uncarried } of KINDS)
    if (uncarried !== undefined)
      for (const item of model.all(kind as KindName)) model.warn(item, "not-carried", "", uncarried);
  for (const item of model.all("ListenerSet"))
    model.warn(item, "not-carried", "", "its listeners are not attached", "write them in the Gateway");
  for (const gateway of model.all("Gateway").filter((one) => isOurs(model, one)))
    gateway.spec.listeners.forEach((listener, index) => {
      if (isCarried(listener)) return;
      const message = "a Worker sees requests of HTTP and of HTTPS that ends before it, nothing else";
      model.warn(gateway, "not-carried", `spec.listeners[${index}].protocol`, message);
    });
  if (
    resources.length > 0 &&
    model.all("Gateway").length + model.all("Service").length + model.all("Backend").length === 0
  )
    model.problems.push({
      severity: "warning",
      code: "no-traffic",
      message: "nothing here takes traffic",
      fix: "add a Gateway, a Service or a Backend",
    });
}
