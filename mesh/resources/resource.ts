/** A resource as it is stored and shown: what the operator wrote, with the name it goes by. */
export type Resource = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
};

export type Metadata = {
  readonly name: string;
  /** Absent on cluster-wide kinds only. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. Set by control when the resource is created; the older of two equal routes wins. */
  readonly creationTimestamp?: string;
  /** How often what the resource says has changed, from 1. Kept by control; a document's own is dropped on reading. */
  readonly generation?: number;
};

/** A resource that was stored before there were generations counts as its first. */
export const generationOf = ({
  metadata,
}: {
  readonly metadata: { readonly generation?: number | undefined };
}): number => metadata.generation ?? 1;

/** `Kind/namespace/name`: the key a resource is stored under. Versions of a kind share it. */
export const keyOf = ({ kind, metadata: { namespace = "", name } }: Pick<Resource, "kind" | "metadata">): string =>
  `${kind}/${namespace}/${name}`;

/** `Kind namespace/name`, for people. */
export const titleOf = ({ kind, metadata: { namespace, name } }: Pick<Resource, "kind" | "metadata">): string =>
  `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
