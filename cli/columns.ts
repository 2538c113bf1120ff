/** What `get` shows of each kind, after its name: the columns of kubectl where it has them. */
import type { Resource } from "../mesh/resources/resource.ts";
import { conditionIn, type Fields, join, list, statusOf, text, verdictsOf } from "./fields.ts";

export type ResourceColumn = {
  readonly header: string;
  readonly cell: (spec: Fields, resource: Resource) => string;
  readonly wide?: true;
};

const refs = (value: unknown, kind: string): string =>
  join(
    list(value).map(
      (ref) =>
        `${text(ref["kind"]) || kind}/${text(ref["name"])}${ref["sectionName"] ? `:${text(ref["sectionName"])}` : ""}`,
    ),
  );
const backends = (spec: Fields): string =>
  join(
    list(spec["rules"])
      .flatMap((rule) => list(rule["backendRefs"]))
      .map((ref) => `${text(ref["name"])}${ref["port"] ? `:${text(ref["port"])}` : ""}`),
  );

/** Of the resource itself. */
const condition = (type: string): ResourceColumn => ({
  header: type.toUpperCase(),
  cell: (_spec, resource) => conditionIn(list(statusOf(resource)["conditions"]), type),
});
/** Of a route by its parents, of a policy by its targets: one word where they agree, else how many say True. */
const accepted: ResourceColumn = {
  header: "ACCEPTED",
  cell: (_spec, resource) => {
    const said = verdictsOf(resource).map(({ conditions }) => conditionIn(conditions, "Accepted"));
    const agreed = new Set(said);
    return agreed.size > 1 ? `${said.filter((each) => each === "True").length}/${said.length}` : join(said);
  },
};
/** Why not, of whatever is not as it should be. */
const reason: ResourceColumn = {
  header: "REASON",
  cell: (_spec, resource) =>
    join(
      verdictsOf(resource)
        .flatMap(({ conditions }) => conditions)
        .filter((one) => one["status"] !== (one["type"] === "PartiallyInvalid" ? "False" : "True"))
        .map((one) => text(one["reason"])),
    ),
  wide: true,
};
/** Side by side with LISTENERS. */
const attachedRoutes: ResourceColumn = {
  header: "ATTACHED ROUTES",
  cell: (_spec, resource) =>
    list(statusOf(resource)["listeners"])
      .map((each) => text(each["attachedRoutes"]))
      .join(","),
};
const addresses: ResourceColumn = {
  header: "ADDRESS",
  cell: (_spec, resource) => join(list(statusOf(resource)["addresses"]).map((each) => text(each["value"]))),
  wide: true,
};

const targets: ResourceColumn = { header: "TARGETS", cell: (spec) => refs(spec["targetRefs"], "") };
const listeners: ResourceColumn = {
  header: "LISTENERS",
  cell: (spec) => join(list(spec["listeners"]).map((each) => `${text(each["name"])}:${text(each["port"])}`)),
};
const listenerHosts: ResourceColumn = {
  header: "HOSTNAMES",
  cell: (spec) => join(list(spec["listeners"]).map((each) => text(each["hostname"]) || "*")),
  wide: true,
};

const COLUMNS: Readonly<Record<string, readonly ResourceColumn[]>> = {
  GatewayClass: [{ header: "CONTROLLER", cell: (spec) => text(spec["controllerName"]) }, condition("Accepted")],
  Gateway: [
    { header: "CLASS", cell: (spec) => text(spec["gatewayClassName"]) },
    addresses,
    listeners,
    listenerHosts,
    condition("Programmed"),
    attachedRoutes,
  ],
  ListenerSet: [
    { header: "PARENT", cell: (spec) => refs([spec["parentRef"]], "Gateway") },
    listeners,
    listenerHosts,
    condition("Accepted"),
    condition("Programmed"),
    attachedRoutes,
  ],
  HTTPRoute: [
    {
      header: "HOSTNAMES",
      cell: (spec) => (Array.isArray(spec["hostnames"]) ? join(spec["hostnames"].map(text)) : "") || "*",
    },
    { header: "PARENTS", cell: (spec) => refs(spec["parentRefs"], "Gateway") },
    accepted,
    reason,
    { header: "RULES", cell: (spec) => String(list(spec["rules"]).length), wide: true },
    { header: "BACKENDS", cell: backends, wide: true },
  ],
  ReferenceGrant: [
    {
      header: "FROM",
      cell: (spec) => join(list(spec["from"]).map((each) => `${text(each["kind"])}.${text(each["namespace"])}`)),
    },
    {
      header: "TO",
      cell: (spec) => join(list(spec["to"]).map((each) => `${text(each["kind"])}/${text(each["name"]) || "*"}`)),
    },
  ],
  Service: [
    { header: "TYPE", cell: (spec) => text(spec["type"]) || "ClusterIP" },
    {
      header: "PORT(S)",
      cell: (spec) =>
        join(list(spec["ports"]).map((port) => `${text(port["port"])}/${text(port["protocol"]) || "TCP"}`)),
    },
  ],
  EndpointSlice: [
    { header: "ADDRESSTYPE", cell: (_spec, resource) => text(resource["addressType"]) },
    { header: "PORTS", cell: (_spec, resource) => join(list(resource["ports"]).map((port) => text(port["port"]))) },
    {
      header: "ENDPOINTS",
      cell: (_spec, resource) =>
        join(
          list(resource["endpoints"]).flatMap((each) =>
            Array.isArray(each["addresses"]) ? each["addresses"].map(text) : [],
          ),
        ),
    },
  ],
  TelemetryPolicy: [targets, accepted, reason],
  IdempotencyPolicy: [
    targets,
    { header: "MODE", cell: (spec) => text(spec["mode"]) || "Optional" },
    accepted,
    reason,
    { header: "RETENTION", cell: (spec) => text(spec["retention"]) || "24h", wide: true },
  ],
  Backend: [
    {
      header: "ENDPOINTS",
      cell: (spec) => join(list(spec["endpoints"]).map((each) => text(each["url"]) || text(each["binding"]))),
    },
    {
      header: "WEIGHTS",
      cell: (spec) =>
        list(spec["endpoints"])
          .map((each) => text(each["weight"] ?? 1))
          .join(","),
      wide: true,
    },
  ],
};

const ROUTE_COLUMNS: readonly ResourceColumn[] = [
  { header: "PARENTS", cell: (spec) => refs(spec["parentRefs"], "Gateway") },
  accepted,
  reason,
];

/** The kind's own columns; a policy, or a route of another kind, shows what it is attached to. */
export function columnsOf(kind: string, wide: boolean): readonly ResourceColumn[] {
  const columns = Object.hasOwn(COLUMNS, kind) ? COLUMNS[kind] : undefined;
  return (
    columns ?? (kind.endsWith("Policy") ? [targets, accepted, reason] : kind.endsWith("Route") ? ROUTE_COLUMNS : [])
  ).filter((column) => wide || !column.wide);
}
