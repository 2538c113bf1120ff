/** Status of routes, parent by parent. */
import { z } from "zod";
import type { Problem } from "../../problem.ts";
import { CONTROLLER_NAME } from "../../resources/gateway-class.ts";
import { type ParentReference, parentReference } from "../../resources/parts.ts";
import { type Resource, titleOf } from "../../resources/resource.ts";
import type { Facts } from "../compile.ts";
import type { Item, Refusal } from "../model.ts";
import type { Target } from "../policies.ts";
import { type Condition, judge } from "./condition.ts";
import type { Deployment } from "./deployment.ts";
import { hostHeader } from "./hosts.ts";

type Problems = ReadonlyMap<string, readonly Problem[]>;

export function httpRouteStatus(facts: Facts, deployment: Deployment, problems: Problems, route: Item<"HTTPRoute">) {
  const say = judge(route);
  const unseen = unseenHosts(facts, deployment, route);
  return {
    parents: (facts.parents.get(route) ?? []).flatMap((fact) => {
      if (fact.kind === "foreign") return [];
      const accepted =
        fact.kind === "attached"
          ? say("Accepted", true, "Accepted", unseen)
          : say("Accepted", false, fact.refusal.reason, fact.refusal.message);
      const unresolved = unresolvedRefs(facts, route, throughOf(route, fact.parent));
      const resolved = unresolved[0]
        ? say("ResolvedRefs", false, unresolved[0].reason, messagesOf(unresolved))
        : say("ResolvedRefs", true, "ResolvedRefs");
      const partial = uncarriedParts(problems, route, unresolved);
      // The specification wants these words first, whatever of a rule is dropped.
      const dropped =
        partial.length > 0
          ? [say("PartiallyInvalid", true, "UnsupportedValue", `Dropped Rule parts: ${messagesOf(partial)}`)]
          : [];
      return [parentStatus(route.metadata.namespace, fact.parent, [accepted, resolved, ...dropped])];
    }),
  };
}

type Uncarried = "GRPCRoute" | "TCPRoute" | "TLSRoute" | "UDPRoute";

/** No listener lists such a kind among its `supportedKinds`, which is what NotAllowedByListeners says. */
export function uncarriedRouteStatus(route: Item<Uncarried>, why: string) {
  const say = judge(route);
  const { data } = z.looseObject({ parentRefs: z.array(parentReference).default([]) }).safeParse(route.spec);
  return {
    parents: (data?.parentRefs ?? []).map((parent) => {
      const reason = parent.kind === "Service" ? "UnsupportedValue" : "NotAllowedByListeners";
      return parentStatus(route.metadata.namespace, parent, [say("Accepted", false, reason, why)]);
    }),
  };
}

const parentStatus = (namespace: string, parent: ParentReference, conditions: readonly Condition[]) => ({
  parentRef: { namespace, ...parent },
  controllerName: CONTROLLER_NAME,
  conditions,
});

/** What may be referred to without a grant, since the route is reached through it. */
const throughOf = (route: Item<"HTTPRoute">, { kind, namespace = route.metadata.namespace, name }: ParentReference) =>
  kind === "Service" ? [{ kind, namespace, name }] : [];

/** Every reference of the route that leads nowhere, mirrors included, in order. */
function unresolvedRefs({ destinations }: Facts, route: Item<"HTTPRoute">, through: readonly Target[]): Refusal[] {
  return route.spec.rules.flatMap((rule, index) => {
    const path = `spec.rules[${index}]`;
    const lists = [
      { filters: rule.filters, at: path },
      ...rule.backendRefs.map(({ filters }, at) => ({ filters, at: `${path}.backendRefs[${at}]` })),
    ];
    const refs = [
      ...rule.backendRefs.map((ref, at) => ({ ref, path: `${path}.backendRefs[${at}]` })),
      ...lists.flatMap(({ filters, at }) =>
        filters.flatMap((filter, which) =>
          filter.type === "RequestMirror"
            ? [{ ref: filter.requestMirror.backendRef, path: `${at}.filters[${which}].requestMirror.backendRef` }]
            : [],
        ),
      ),
    ];
    return refs.flatMap(({ ref, path: at }) => {
      const found = destinations.refer(route, ref, at, through);
      return "reason" in found ? [found] : [];
    });
  });
}

/** Where a rewritten hostname does not come to be the Host that endpoints see. */
function unseenHosts({ destinations }: Facts, deployment: Deployment, route: Item<"HTTPRoute">): string {
  const said = route.spec.rules.flatMap(({ filters, backendRefs }, rule) =>
    backendRefs.flatMap((ref, index) => {
      if (![...filters, ...ref.filters].some((one) => one.type === "URLRewrite" && one.urlRewrite.hostname)) return [];
      const at = `spec.rules[${rule}].backendRefs[${index}]`;
      const found = destinations.refer(route, ref, at, []);
      if ("reason" in found) return [];
      const { backend } =
        found.kind === "Backend" ? destinations.ofBackend(found.item) : destinations.ofService(found.item, found.port);
      return hostHeader([backend], deployment)?.seen === "Request" || backend.endpoints.length === 0
        ? []
        : [`${at}: the rewritten hostname is in X-Forwarded-Host alone: fetch takes Host from the endpoint's URL`];
    }),
  );
  return said.join("; ");
}

/** What compile could not carry of the route's rules: the same that it warned of, references apart. */
function uncarriedParts(problems: Problems, route: Item<"HTTPRoute">, unresolved: readonly Refusal[]): Problem[] {
  const refs = new Set(unresolved.map(({ path }) => path));
  return (problems.get(titleOf(route as Resource)) ?? []).filter(
    ({ code, path = "" }) => code === "not-carried" && path.startsWith("spec.rules[") && !refs.has(path),
  );
}

const messagesOf = (found: readonly Pick<Problem, "path" | "message">[]): string =>
  found.map(({ path = "", message }) => `${path}: ${message}`).join("; ");
