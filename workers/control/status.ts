/** Resources with what became of them. Computed from the epoch alone, so each isolate keeps the last one's. */
import { compile } from "../../mesh/compile/compile.ts";
import { type Status, statuses } from "../../mesh/compile/status.ts";
import { BUILT_IN } from "../../mesh/resources/gateway-class.ts";
import { keyOf, type Resource } from "../../mesh/resources/resource.ts";
import type { Env } from "./env.ts";
import type { Mesh } from "./memory.ts";

/**
 * The epoch's resources, each with its status. The built-in GatewayClass is there when it is asked for by its kind: a listing
 * of everything is what someone applied, and can be applied again.
 */
export function withStatus(env: Env, mesh: Mesh, kind: string | undefined): Resource[] {
  const { resources } = mesh;
  const asked =
    kind !== BUILT_IN.kind || resources.some((resource) => keyOf(resource) === keyOf(BUILT_IN))
      ? resources
      : [BUILT_IN, ...resources];
  const found = statusesOf(env, mesh);
  return asked.map((resource) => {
    const status = found.get(keyOf(resource));
    return status ? { ...resource, status } : resource;
  });
}

function statusesOf(env: Env, { epoch, hash, resources }: Mesh): ReadonlyMap<string, Status> {
  const { statuses: known } = env.memory;
  // The hash as well: a Config object that was lost counts epochs from 1 again.
  if (known?.epoch === epoch && known.hash === hash) return known.byKey;
  const { facts } = compile([BUILT_IN, ...resources.filter((resource) => keyOf(resource) !== keyOf(BUILT_IN))]);
  const deployment = {
    certificates: listOf(env.CERTIFICATES),
    addresses: listOf(env.EDGE_ADDRESSES),
    hostPreserving: Object.keys(JSON.parse(env.HOST_PRESERVING || "{}") as object),
  };
  const byKey = statuses(facts, deployment);
  env.memory.statuses = { epoch, hash, byKey };
  return byKey;
}

const listOf = (text = ""): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
