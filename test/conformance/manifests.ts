/** A case's manifests as what control is given: the files, and an EndpointSlice for each instance behind each Service. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import type { SourceFile } from "../../mesh/api.ts";
import type { Case, Document } from "./case.ts";
import type { Instance } from "./workloads.ts";

const CLASS_NAME = "selvedge";

export class Manifests {
  readonly #folder: string;
  readonly #documents = new Map<string, readonly Document[]>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  text(path: string): string {
    return readFileSync(join(this.#folder, path), "utf8").replaceAll("{GATEWAY_CLASS_NAME}", CLASS_NAME);
  }

  documents(path: string): readonly Document[] {
    let known = this.#documents.get(path);
    if (!known) {
      known = parseAllDocuments(this.text(path)).flatMap((document) => (document.toJS() as Document | null) ?? []);
      this.#documents.set(path, known);
    }
    return known;
  }

  /** What is applied for `one`. `instances` run the workloads of all its Deployments. */
  files(one: Case, instances: readonly Instance[]): SourceFile[] {
    const documents = one.manifests.flatMap((path) => this.documents(path));
    const slices = documents
      .filter(({ kind }) => kind === "Service")
      .flatMap((service) => slicesOf(service, one, instances));
    return [
      ...one.manifests.map((path) => ({ name: path, text: this.text(path) })),
      { name: "endpoints.yaml", text: slices.map((slice) => stringify(slice)).join("---\n") },
    ];
  }
}

type ServiceSpec = {
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly targetPort?: number | string }[];
};

/** One slice an instance: all of them live at 127.0.0.1, and a slice's endpoints share its ports. */
function slicesOf({ metadata, spec }: Document, { setup = [] }: Case, instances: readonly Instance[]): object[] {
  const { name, namespace } = metadata;
  const { selector, ports = [] } = spec as ServiceSpec;
  const given = setup.find(({ service }) => service.namespace === namespace && service.name === name)?.workload;
  const behind = instances.filter((instance) =>
    given
      ? instance.namespace === given.namespace && instance.name === given.name
      : selector !== undefined && instance.namespace === namespace && isSelected(selector, instance.labels),
  );
  return behind.map((instance) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace, name: `${name}-at-${instance.instance}`, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"] }],
    ports: ports.map(({ name: portName, port, targetPort = port }) => ({
      ...(portName !== undefined && { name: portName }),
      port: instance.portFor(targetPort),
    })),
  }));
}

const isSelected = (selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);
