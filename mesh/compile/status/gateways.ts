/** Status of GatewayClass, Gateway and ListenerSet. */
import { GATEWAY_API } from "../../resources/kind.ts";
import type { Facts } from "../compile.ts";
import {
  INVALID_PARAMETERS,
  isCarried,
  isOurClass,
  isOurs,
  isRefused,
  type ListenerFact,
  rejection,
} from "../listeners.ts";
import type { Item } from "../model.ts";
import { unresolvedCertificate } from "./certificates.ts";
import { type Condition, isTrue, type Judge, judge } from "./condition.ts";
import type { Deployment } from "./deployment.ts";
import { SUPPORTED_FEATURES } from "./features.ts";

type ListenerStatus = {
  readonly name: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
};

/** What a resource of another controller shows until that controller has spoken: the API's own default. */
const waiting = (say: Judge, ...types: readonly string[]) => ({
  conditions: types.map((type) => say(type, "Unknown", "Pending", "Waiting for controller")),
});

export function gatewayClassStatus(item: Item<"GatewayClass">) {
  const say = judge(item);
  if (!isOurClass(item)) return waiting(say, "Accepted");
  const accepted = item.spec.parametersRef
    ? say("Accepted", false, INVALID_PARAMETERS.reason, INVALID_PARAMETERS.message)
    : say("Accepted", true, "Accepted");
  return {
    conditions: [accepted, say("SupportedVersion", true, "SupportedVersion")],
    supportedFeatures: SUPPORTED_FEATURES.map((name) => ({ name })),
  };
}

export function gatewayStatus(facts: Facts, deployment: Deployment, routes: AttachedRoutes, item: Item<"Gateway">) {
  const say = judge(item);
  if (!isOurs(facts.model, item)) return waiting(say, "Accepted", "Programmed");
  const own = facts.listeners.of(item);
  const sets = facts.listeners.setsOf(item);
  const all = [...own, ...sets.flatMap((set) => facts.listeners.of(set))];
  const live = all.some((fact) => isTrue(listenerConditions(facts, deployment, fact), "Programmed"));
  const { addresses, unassigned } = addressesOf(item, deployment);
  const rejected = rejection(item);
  const programmed = (): Condition => {
    if (rejected) return say("Programmed", false, "Invalid", rejected.message);
    if (isRefused(own)) return say("Programmed", false, "Invalid", "none of the listeners is valid");
    if (unassigned) return say("Programmed", false, "AddressNotUsable", unassigned);
    return live
      ? say("Programmed", true, "Programmed")
      : say("Programmed", false, "Invalid", "no listener is programmed; see their conditions");
  };
  return {
    addresses,
    conditions: [
      rejected ? say("Accepted", false, rejected.reason, rejected.message) : accepted(say, own),
      programmed(),
    ],
    listeners: own.map((fact) => listenerStatus(facts, deployment, routes, fact)),
    attachedListenerSets: sets.length,
  };
}

export function listenerSetStatus(
  facts: Facts,
  deployment: Deployment,
  routes: AttachedRoutes,
  item: Item<"ListenerSet">,
) {
  const say = judge(item);
  const { gateway, refusal } = facts.listeners.setOf(item);
  if (!gateway && !refusal) return waiting(say, "Accepted", "Programmed");
  if (refusal && refusal.reason !== "ListenersNotValid")
    return {
      conditions: [
        say("Accepted", false, refusal.reason, refusal.message),
        say("Programmed", false, refusal.reason, refusal.message),
      ],
    };
  const own = facts.listeners.of(item);
  const listeners = own.map((fact) => listenerStatus(facts, deployment, routes, fact));
  const live = listeners.some(({ conditions }) => isTrue(conditions, "Programmed"));
  return {
    conditions: [
      accepted(say, own),
      live
        ? say("Programmed", true, "Programmed")
        : say("Programmed", false, "ListenersNotValid", "no listener is programmed; see their conditions"),
    ],
    listeners,
  };
}

function accepted(say: Judge, own: readonly ListenerFact[]): Condition {
  const refused = own.filter(({ refusal }) => refusal);
  if (refused.length === 0) return say("Accepted", true, "Accepted");
  const message = refused.map(({ listener, refusal }) => `${listener.name}: ${refusal?.message ?? ""}`).join("; ");
  return say("Accepted", !isRefused(own), "ListenersNotValid", message);
}

/** By listener, how many distinct routes attach. */
export type AttachedRoutes = ReadonlyMap<ListenerFact, number>;

export function attachedRoutes({ parents }: Facts): AttachedRoutes {
  const counts = new Map<ListenerFact, number>();
  for (const found of parents.values()) {
    // Two parentRefs of a route may lead to one listener.
    const reached = new Set<ListenerFact>();
    for (const parent of found)
      if (parent.kind === "attached") for (const one of parent.to) if (one.kind === "listener") reached.add(one.at);
    for (const at of reached) counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  return counts;
}

function listenerStatus(
  facts: Facts,
  deployment: Deployment,
  routes: AttachedRoutes,
  fact: ListenerFact,
): ListenerStatus {
  return {
    name: fact.listener.name,
    supportedKinds: supportedKinds(fact),
    attachedRoutes: routes.get(fact) ?? 0,
    conditions: listenerConditions(facts, deployment, fact),
  };
}

const HTTP_ROUTE = { group: GATEWAY_API, kind: "HTTPRoute" } as const;

const isHttpRoute = ({ group, kind }: { readonly group: string; readonly kind: string }): boolean =>
  group === HTTP_ROUTE.group && kind === HTTP_ROUTE.kind;

function supportedKinds({ listener }: ListenerFact): readonly (typeof HTTP_ROUTE)[] {
  const { kinds } = listener.allowedRoutes;
  return isCarried(listener) && (kinds.length === 0 || kinds.some(isHttpRoute)) ? [HTTP_ROUTE] : [];
}

function listenerConditions({ grants }: Facts, { certificates }: Deployment, fact: ListenerFact): Condition[] {
  const say = judge(fact.owner);
  const { listener, refusal } = fact;
  const invalid = listener.allowedRoutes.kinds.filter((one) => !isCarried(listener) || !isHttpRoute(one));
  const certificate = unresolvedCertificate(fact, grants, certificates);
  const conflicted = refusal?.code === "conflict";
  const programmed = (): Condition => {
    if (refusal) return say("Programmed", false, conflicted ? refusal.reason : "Invalid", refusal.message);
    if (certificate) return say("Programmed", false, "Invalid", certificate.message);
    if (supportedKinds(fact).length === 0) return say("Programmed", false, "Invalid", "no route can attach");
    return say("Programmed", true, "Programmed");
  };
  const resolved = (): Condition => {
    if (certificate) return say("ResolvedRefs", false, certificate.reason, certificate.message);
    if (invalid.length === 0) return say("ResolvedRefs", true, "ResolvedRefs");
    const message = `a listener of ${listener.protocol} does not take ${invalid.map(({ kind }) => kind).join(", ")} here`;
    return say("ResolvedRefs", false, "InvalidRouteKinds", message);
  };
  return [
    refusal ? say("Accepted", false, refusal.reason, refusal.message) : say("Accepted", true, "Accepted"),
    programmed(),
    resolved(),
    conflicted ? say("Conflicted", true, refusal.reason, refusal.message) : say("Conflicted", false, "NoConflicts"),
  ];
}

type Address = { readonly type: "Hostname" | "IPAddress"; readonly value: string };

/** The edge's addresses, or those of them that the Gateway asks for. An address comes with the deployment; none can be made. */
function addressesOf(
  { spec }: Item<"Gateway">,
  { addresses }: Deployment,
): { readonly addresses: readonly Address[]; readonly unassigned?: string } {
  const asked = (spec.addresses ?? []).flatMap(({ value }) => value ?? []);
  const found = addresses.filter((value) => asked.length === 0 || asked.includes(value));
  const missing = asked.filter((value) => !addresses.includes(value));
  return {
    addresses: found.map((value) => ({ type: isAddress(value) ? "IPAddress" : "Hostname", value })),
    ...(missing.length > 0 && { unassigned: `the edge does not answer at ${missing.join(", ")}` }),
  };
}

const isAddress = (value: string): boolean => /^\d+(\.\d+){3}$/.test(value) || value.includes(":");
