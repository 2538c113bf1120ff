/**
 * The listeners of our Gateways, those that ListenerSets bring included (GEP-1713): which take part and why others do not.
 * A listener of the Gateway itself precedes those of its sets, and an older set precedes a younger one.
 */
import { BUILT_IN_CLASS, CONTROLLER_NAME } from "../resources/gateway-class.ts";
import type { Listener } from "../resources/gateway.ts";
import { GATEWAY_API } from "../resources/kind.ts";
import type { Item, Model, Refusal } from "./model.ts";
import { allowsNamespace } from "./namespaces.ts";
import { NO_PARAMETERS } from "./uncarried-fields.ts";

export type ListenerOwner = Item<"Gateway"> | Item<"ListenerSet">;

export type ListenerFact = {
  readonly gateway: Item<"Gateway">;
  /** The Gateway, or the set that brings the listener. */
  readonly owner: ListenerOwner;
  readonly listener: Listener;
  /** Absent where the listener takes traffic. */
  readonly refusal?: Refusal;
};

/** A set that attached has a Gateway and no refusal. Without either, its Gateway is another controller's. */
type SetFact = { readonly gateway?: Item<"Gateway">; readonly refusal?: Refusal };

export type Listeners = {
  /** Every listener in order of precedence, those that are refused included. */
  readonly all: readonly ListenerFact[];
  /** Those of one Gateway's or ListenerSet's own; none of what is not ours or did not attach. */
  readonly of: (owner: ListenerOwner) => readonly ListenerFact[];
  readonly setOf: (set: Item<"ListenerSet">) => SetFact;
  /** The sets that attached to a Gateway. */
  readonly setsOf: (gateway: Item<"Gateway">) => readonly Item<"ListenerSet">[];
};

export function listeners(model: Model): Listeners {
  const byOwner = new Map<ListenerOwner, readonly ListenerFact[]>();
  const sets = new Map<Item<"ListenerSet">, SetFact>();
  for (const set of model.all("ListenerSet")) sets.set(set, parentOf(model, set));
  const asking = Map.groupBy(model.all("ListenerSet"), (set) => sets.get(set)?.gateway);

  for (const gateway of model.all("Gateway").filter((one) => isOurs(model, one))) {
    const rejected = rejection(gateway);
    const own = judged(gateway, gateway, new Map()).map((fact) => (rejected ? { ...fact, refusal: rejected } : fact));
    byOwner.set(gateway, own);
    const taken = portsOf(own);
    for (const set of asking.get(gateway) ?? []) {
      const refusal = sets.get(set)?.refusal ?? (rejected || isRefused(own) ? parentRefused(gateway) : undefined);
      const brought = judged(gateway, set, taken).map((fact) => (refusal ? { ...fact, refusal } : fact));
      byOwner.set(set, brought);
      portsOf(brought, taken);
      const verdict = refusal ?? (isRefused(brought) ? allRefused(brought) : undefined);
      sets.set(set, { gateway, ...(verdict && { refusal: verdict }) });
    }
  }
  return {
    all: [...byOwner.values()].flat(),
    of: (owner) => byOwner.get(owner) ?? [],
    setOf: (set) => sets.get(set) ?? {},
    setsOf: (gateway) => (asking.get(gateway) ?? []).filter((set) => !sets.get(set)?.refusal),
  };
}

/** A Gateway whose parameters cannot be had is rejected, says Gateway API: it would not be what it asks to be. */
export const INVALID_PARAMETERS: Refusal = {
  reason: "InvalidParameters",
  code: "not-carried",
  path: "spec.infrastructure.parametersRef",
  message: NO_PARAMETERS,
  fix: "leave it out",
};

const ADDRESS_TYPES: readonly string[] = ["IPAddress", "Hostname"];

/** Why nothing of a Gateway is accepted, whatever its listeners. */
export function rejection({ spec }: Item<"Gateway">): Refusal | undefined {
  if (spec.infrastructure?.parametersRef) return INVALID_PARAMETERS;
  const index = (spec.addresses ?? []).findIndex(({ type }) => !ADDRESS_TYPES.includes(type));
  if (index === -1) return undefined;
  return {
    reason: "UnsupportedAddress",
    code: "not-carried",
    path: `spec.addresses[${index}].type`,
    message: `an address is an IPAddress or a Hostname, not ${spec.addresses?.[index]?.type}`,
    fix: "leave it out: the edge's own addresses hold",
  };
}

/** Warnings about listeners and sets that take no part. */
export function reportListeners(model: Model, { of, setOf }: Listeners): void {
  for (const gateway of model.all("Gateway")) reportOwn(model, of(gateway));
  for (const set of model.all("ListenerSet")) {
    const { gateway, refusal } = setOf(set);
    if (refusal && refusal.reason !== "ListenersNotValid") model.refuse(set, refusal);
    else reportOwn(model, of(set));
    if (!gateway && !refusal)
      model.warn(set, "not-attached", "spec.parentRef", `Gateway ${set.spec.parentRef.name} is of another class`);
  }
}

function reportOwn(model: Model, facts: readonly ListenerFact[]): void {
  for (const { owner, refusal } of facts) if (refusal) model.refuse(owner, refusal);
}

/** Gateways of the class `selvedge`, which needs no GatewayClass, and of any class that we accept. */
export function isOurs(model: Model, { spec: { gatewayClassName } }: Item<"Gateway">): boolean {
  const named = model.all("GatewayClass").find(({ metadata }) => metadata.name === gatewayClassName);
  return named ? isOurClass(named) && !named.spec.parametersRef : gatewayClassName === BUILT_IN_CLASS;
}

/** Whether or not it is accepted: a class that asks for parameters is not. */
export const isOurClass = ({ metadata, spec }: Item<"GatewayClass">): boolean =>
  metadata.name === BUILT_IN_CLASS || spec.controllerName === CONTROLLER_NAME;

/** A Worker sees requests of HTTP and HTTPS; TLS that passes through, and other protocols, never reach it. */
export const isCarried = ({ protocol, tls }: Listener): boolean =>
  protocol === "HTTP" || (protocol === "HTTPS" && tls?.mode !== "Passthrough");

function parentOf(model: Model, set: Item<"ListenerSet">): SetFact {
  const path = "spec.parentRef";
  const { group, kind, name, namespace = set.metadata.namespace } = set.spec.parentRef;
  if (group !== GATEWAY_API || kind !== "Gateway") {
    const message = `a ListenerSet attaches to a Gateway, not to ${kind} of group "${group}"`;
    return { refusal: { reason: "Invalid", code: "not-carried", path, message } };
  }
  const gateway = model.find("Gateway", namespace, name);
  if (!gateway) {
    const message = `no Gateway ${namespace}/${name}`;
    return { refusal: { reason: "ParentNotAccepted", code: "dangling-reference", path, message } };
  }
  if (!isOurs(model, gateway)) return {};
  const { namespaces = { from: "None" } } = gateway.spec.allowedListeners ?? {};
  if (allowsNamespace(model, namespaces, namespace, set.metadata.namespace)) return { gateway };
  const message = `Gateway ${namespace}/${name} takes no listeners from this namespace`;
  const fix = "widen the Gateway's allowedListeners";
  return { gateway, refusal: { reason: "NotAllowed", code: "not-permitted", path, message, fix } };
}

/** A resource of which no listener is valid is not accepted; one without listeners may get some from ListenerSets. */
export const isRefused = (own: readonly ListenerFact[]): boolean =>
  own.length > 0 && own.every(({ refusal }) => refusal !== undefined);

const parentRefused = ({ metadata: { namespace, name } }: Item<"Gateway">): Refusal => ({
  reason: "ParentNotAccepted",
  code: "not-attached",
  path: "spec.parentRef",
  message: `Gateway ${namespace}/${name} is not accepted`,
});

const allRefused = (facts: readonly ListenerFact[]): Refusal => ({
  reason: "ListenersNotValid",
  code: "not-attached",
  path: "spec.listeners",
  message: facts.map(({ listener, refusal }) => `${listener.name}: ${refusal?.message ?? ""}`).join("; "),
});

/** What listeners that take part have on each port: one protocol, and who has which hostname. */
type Ports = Map<number, { readonly protocol: string; readonly hostnames: Map<string, ListenerFact> }>;

function portsOf(facts: readonly ListenerFact[], ports: Ports = new Map()): Ports {
  for (const fact of facts) {
    if (fact.refusal) continue;
    const { port, protocol, hostname = "" } = fact.listener;
    const entry = ports.get(port) ?? { protocol, hostnames: new Map<string, ListenerFact>() };
    ports.set(port, entry);
    entry.hostnames.set(hostname, fact);
  }
  return ports;
}

/** The owner's listeners, each with what speaks against it; `taken` is what others of precedence have. */
function judged(gateway: Item<"Gateway">, owner: ListenerOwner, taken: Ports): ListenerFact[] {
  // One that loses to a listener of precedence is out, and takes nothing from those beside it.
  const standing = owner.spec.listeners.filter((one) => isCarried(one) && !conflictWith(taken, one, ""));
  return owner.spec.listeners.map((listener, index) => {
    const path = `spec.listeners[${index}]`;
    // Of conflicting listeners in one resource none is the winner, says Gateway API; across resources there is an order.
    const refusal = isCarried(listener)
      ? (conflictWith(taken, listener, path) ?? conflictWithin(standing, listener, path))
      : uncarried(path);
    return { gateway, owner, listener, ...(refusal && { refusal }) };
  });
}

const uncarried = (path: string): Refusal => ({
  reason: "UnsupportedProtocol",
  code: "not-carried",
  path: `${path}.protocol`,
  message: "a Worker sees requests of HTTP and of HTTPS that ends before it, nothing else",
});

function conflictWithin(siblings: readonly Listener[], one: Listener, path: string): Refusal | undefined {
  const onPort = siblings.filter((other) => other !== one && other.port === one.port);
  const rival =
    onPort.find(({ protocol }) => protocol !== one.protocol) ??
    onPort.find(({ hostname }) => hostname === one.hostname);
  return rival && conflict(one, rival.protocol, `listener ${rival.name} beside it`, path);
}

function conflictWith(taken: Ports, one: Listener, path: string): Refusal | undefined {
  const entry = taken.get(one.port);
  const rival = entry?.hostnames.get(one.hostname ?? "");
  if (!entry || (entry.protocol === one.protocol && !rival)) return undefined;
  const { owner, listener } = rival ?? [...entry.hostnames.values()][0]!; // an entry is made for a listener
  const { namespace, name } = owner.metadata;
  return conflict(one, entry.protocol, `listener ${listener.name} of ${owner.kind} ${namespace}/${name}`, path);
}

function conflict({ port, protocol, hostname }: Listener, theirs: string, who: string, path: string): Refusal {
  return protocol === theirs
    ? {
        reason: "HostnameConflict",
        code: "conflict",
        path: hostname === undefined ? path : `${path}.hostname`,
        message: `port ${port} and ${hostname === undefined ? "any host" : `host ${hostname}`} are also those of ${who}`,
      }
    : {
        reason: "ProtocolConflict",
        code: "conflict",
        path: `${path}.protocol`,
        message: `port ${port} is of ${theirs} for ${who}`,
      };
}
