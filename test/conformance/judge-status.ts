/** The status that control reports on resources, held against what a case expects ("Status" of the folder's README). */
import type { Resource } from "../../mesh/resources/resource.ts";
import type { ExpectedCondition, ExpectedStatus, ResourceName } from "./case.ts";

type Condition = { readonly type: string; readonly status: string; readonly reason?: string };
type ParentRef = {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
};
type ListenerStatus = {
  readonly name: string;
  readonly attachedRoutes?: number;
  readonly supportedKinds?: readonly { readonly kind: string }[];
  readonly conditions?: readonly Condition[];
};
/** As Kubernetes writes it under `status` of a Gateway, a ListenerSet or a route. */
type Status = {
  readonly conditions?: readonly Condition[];
  readonly listeners?: readonly ListenerStatus[];
  readonly parents?: readonly { readonly parentRef: ParentRef; readonly conditions?: readonly Condition[] }[];
  readonly attachedListenerSets?: number;
};

/** One line for each thing that is not as expected. */
export function judgeStatus(expected: ExpectedStatus, resources: readonly Resource[]): string[] {
  const statusOf = ({ kind, namespace, name }: ResourceName): Status => {
    const found = resources.find(
      (one) => one.kind === kind && one.metadata.name === name && (one.metadata.namespace ?? "") === (namespace ?? ""),
    );
    return (found?.status ?? {}) as Status;
  };
  return [
    ...conditionComplaints(expected, statusOf),
    ...(expected.expectedListeners ?? []).flatMap(({ resource, listeners }) => {
      const reported = statusOf(resource).listeners ?? [];
      const title = `${resource.kind} ${resource.namespace}/${resource.name}`;
      return [
        ...(reported.length === listeners.length
          ? []
          : [`${title}: ${reported.length} listeners, wanted ${listeners.length}`]),
        ...listeners.flatMap((wanted) =>
          listenerComplaints(
            wanted,
            reported.find(({ name }) => name === wanted.name),
          ).map((complaint) => `${title} ${wanted.name}: ${complaint}`),
        ),
      ];
    }),
    ...(expected.expectedNoAcceptedParents ?? [])
      .filter((route) =>
        (statusOf(route).parents ?? []).some(({ conditions = [] }) =>
          conditions.some(({ type, status }) => type === "Accepted" && status !== "False"),
        ),
      )
      .map(({ name }) => `${name}: a parent has accepted it`),
    ...(expected.expectedZeroAttachedRoutes ?? [])
      .filter((gateway) => (statusOf(gateway).listeners ?? []).some(({ attachedRoutes = 0 }) => attachedRoutes !== 0))
      .map(({ name }) => `${name}: a listener has attached routes`),
    ...(expected.expectedAttachedListenerSets ?? [])
      .filter(({ resource, count }) => (statusOf(resource).attachedListenerSets ?? 0) !== count)
      .map(
        ({ resource, count }) =>
          `${resource.name}: attachedListenerSets is ${statusOf(resource).attachedListenerSets}, wanted ${count}`,
      ),
  ];
}

function conditionComplaints(
  { expectedConditions = [] }: ExpectedStatus,
  statusOf: (resource: ResourceName) => Status,
): string[] {
  return expectedConditions.flatMap((wanted) => {
    const { resource, parentRef, listener } = wanted;
    const status = statusOf(resource);
    // Each of these lists the conditions of one parent, of one listener, or of the resource itself.
    const places = parentRef
      ? (status.parents ?? [])
          .filter((parent) => isParent(parent.parentRef, parentRef, resource.namespace))
          .map(({ conditions = [] }) => conditions)
      : listener === undefined
        ? [status.conditions ?? []]
        : (status.listeners ?? [])
            .filter(({ name }) => listener === "*" || listener === name)
            .map(({ conditions = [] }) => conditions);
    const found = places.flatMap((conditions) => conditions.filter(({ type }) => type === wanted.type));
    const holds = listener === "*" ? found.every(meets(wanted)) : found.some(meets(wanted));
    if (found.length > 0 && holds) return [];
    const where = parentRef ? ` by ${parentRef.name}` : listener === undefined ? "" : ` listener ${listener}`;
    const got = found.map(({ status: is, reason }) => `${is} ${reason}`).join(", ");
    return [
      `${resource.kind} ${resource.name}${where}: wanted ${wanted.type}=${wanted.status} ${wanted.reason ?? ""}, got ${got || "nothing"}`,
    ];
  });
}

const isParent = (
  { kind = "Gateway", namespace, name, sectionName }: ParentRef,
  wanted: ResourceName & { readonly sectionName?: string },
  routeNamespace: string,
): boolean =>
  kind === wanted.kind &&
  (namespace ?? routeNamespace) === wanted.namespace &&
  name === wanted.name &&
  (wanted.sectionName === undefined || wanted.sectionName === sectionName);

type ExpectedListener = NonNullable<ExpectedStatus["expectedListeners"]>[number]["listeners"][number];

function listenerComplaints(wanted: ExpectedListener, got: ListenerStatus | undefined): string[] {
  if (!got) return ["is not reported"];
  const kinds = (got.supportedKinds ?? []).map(({ kind }) => kind);
  const kindsHold =
    wanted.supportedKinds.length === 0
      ? kinds.length === 0
      : wanted.supportedKinds.every((kind) => kinds.includes(kind));
  return [
    ...(got.attachedRoutes === wanted.attachedRoutes
      ? []
      : [`attachedRoutes is ${got.attachedRoutes}, wanted ${wanted.attachedRoutes}`]),
    ...(kindsHold ? [] : [`supportedKinds is ${kinds.join(", ")}, wanted ${wanted.supportedKinds.join(", ")}`]),
    ...wanted.conditions
      .filter(
        (condition) => !(got.conditions ?? []).some((one) => one.type === condition.type && meets(condition)(one)),
      )
      .map(({ type, status, reason }) => `wanted ${type}=${status} ${reason ?? ""}`),
  ];
}

const meets =
  ({ status, reason }: ExpectedCondition) =>
  (one: Condition): boolean =>
    one.status === status && (reason === undefined || reason === one.reason);
