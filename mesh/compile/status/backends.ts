/** Status of what requests end at. Neither kind has these conditions on a cluster; they read as a route's do. */
import { httpPorts } from "../backends.ts";
import type { Facts } from "../compile.ts";
import type { Item } from "../model.ts";
import { judge, type Judge } from "./condition.ts";

export function backendStatus({ destinations }: Facts, item: Item<"Backend">) {
  const endpoints = destinations.ofBackend(item).backend.endpoints.length;
  return { conditions: conditions(judge(item), endpoints), endpoints };
}

/** Endpoints by port: an EndpointSlice need not have all of them. */
export function serviceStatus({ destinations }: Facts, item: Item<"Service">) {
  const ports = httpPorts(item).map(({ port }) => ({
    port,
    endpoints: destinations.ofService(item, port).backend.endpoints.length,
  }));
  const fewest = Math.min(...ports.map(({ endpoints }) => endpoints));
  return { conditions: conditions(judge(item), ports.length > 0 ? fewest : 0), ports };
}

const conditions = (say: Judge, endpoints: number) => [
  say("Accepted", true, "Accepted"),
  endpoints > 0
    ? say("ResolvedRefs", true, "ResolvedRefs")
    : say("ResolvedRefs", false, "NoEndpoints", "nothing answers: requests get 503"),
];
