/** Status of what requests end at. Neither kind has these conditions on a cluster; they read as a route's do. */
import { httpPorts } from "../backends.ts";
import type { Facts } from "../compile.ts";
import type { Item } from "../model.ts";
import type { Backend } from "../../snapshot.ts";
import { judge, type Judge } from "./condition.ts";
import type { Deployment } from "./deployment.ts";
import { hostHeader } from "./hosts.ts";

export function backendStatus({ destinations }: Facts, deployment: Deployment, item: Item<"Backend">) {
  const { backend } = destinations.ofBackend(item);
  const endpoints = backend.endpoints.length;
  return { conditions: conditions(judge(item), endpoints > 0), endpoints, ...hostStatus([backend], deployment) };
}

function hostStatus(backends: readonly Backend[], deployment: Deployment) {
  const header = hostHeader(backends, deployment);
  return header && { hostHeader: header };
}

/** Services that routes of their own answer for, so that they need no endpoints. */
export const routedServices = ({ parents }: Facts): ReadonlySet<Item<"Service">> =>
  new Set(
    [...parents.values()]
      .flat()
      .flatMap((fact) => (fact.kind === "attached" ? fact.to : []))
      .flatMap((to) => (to.kind === "service" && to.consumer === undefined ? [to.service] : [])),
  );

/** Endpoints by port: an EndpointSlice need not have all of them. */
export function serviceStatus(
  { destinations }: Facts,
  deployment: Deployment,
  routed: ReadonlySet<Item<"Service">>,
  item: Item<"Service">,
) {
  const backends = httpPorts(item).map(({ port }) => ({ port, backend: destinations.ofService(item, port).backend }));
  const ports = backends.map(({ port, backend }) => ({ port, endpoints: backend.endpoints.length }));
  const fewest = Math.min(...ports.map(({ endpoints }) => endpoints));
  const answers = routed.has(item) || (ports.length > 0 && fewest > 0);
  const seen = hostStatus(
    backends.map(({ backend }) => backend),
    deployment,
  );
  return { conditions: conditions(judge(item), answers), ports, ...seen };
}

const conditions = (say: Judge, answers: boolean) => [
  say("Accepted", true, "Accepted"),
  answers
    ? say("ResolvedRefs", true, "ResolvedRefs")
    : say("ResolvedRefs", false, "NoEndpoints", "nothing answers: requests get 503"),
];
