/** Resources as YAML that any Kubernetes tool reads back as the same value. */
import { stringify } from "yaml";
import type { Resource } from "./resource.ts";

/**
 * `compat` quotes what YAML 1.1 readers (kubectl among them) would take for something else: `on`, `no`, `0o7`.
 * No folding and no anchors: both confuse diffs.
 */
const OPTIONS = { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false } as const;

export const toYaml = (value: unknown): string => stringify(value, OPTIONS);

/** Keys in order, as kubectl prints them: in a diff only what means something differs. */
export const resourceYaml = (resource: Resource): string => stringify(resource, { ...OPTIONS, sortMapEntries: true });

/** Several documents, one file. */
export const resourcesYaml = (resources: readonly Resource[]): string => resources.map(resourceYaml).join("---\n");
