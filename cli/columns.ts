/** What `get` shows of each kind, after its name: the columns of kubectl where it has them. */
import type { Resource } from "../mesh/resources/resource.ts";

export type ResourceColumn = {
  readonly header: string;
  readonly cell: (spec: Fields, resource: Resource) => string;
  readonly wide?: true;
};

/** A stored resource was valid when it came in; what a later version added shows as `-`, never as a crash. */
type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fields) : []);
const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const join = (parts: readonly string[]): string => [...new Set(parts.filter(Boolean))].join(",");
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
  GatewayClass: [{ header: "CONTROLLER", cell: (spec) => text(spec["controllerName"]) }],
  Gateway: [{ header: "CLASS", cell: (spec) => text(spec["gatewayClassName"]) }, listeners, listenerHosts],
  ListenerSet: [{ header: "PARENT", cell: (spec) => refs([spec["parentRef"]], "Gateway") }, listeners, listenerHosts],
  HTTPRoute: [
    {
      header: "HOSTNAMES",
      cell: (spec) => (Array.isArray(spec["hostnames"]) ? join(spec["hostnames"].map(text)) : "") || "*",
    },
    { header: "PARENTS", cell: (spec) => refs(spec["parentRefs"], "Gateway") },
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

/** The kind's own columns; a policy shows what it is attached to. */
export function columnsOf(kind: string, wide: boolean): readonly ResourceColumn[] {
  const columns = Object.hasOwn(COLUMNS, kind) ? COLUMNS[kind] : undefined;
  return (columns ?? (kind.endsWith("Policy") ? [targets] : [])).filter((column) => wide || !column.wide);
}

export const specOf = (resource: Resource): Fields => fields(resource["spec"]);
