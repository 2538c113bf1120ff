/** What has a newer form: the older one is taken for as long as Gateway API serves it. */
import type { Compiled } from "../compile/compile.ts";
import type { Problem } from "../problem.ts";
import { type KindName, KINDS } from "../resources/kinds.ts";
import { finding } from "./finding.ts";

export function deprecated({ facts: { model } }: Compiled): Problem[] {
  const versions = KINDS.flatMap(({ kind, group, versions: [newest] }) => {
    const newer = group === "" ? newest : `${group}/${newest}`;
    return model
      .all(kind as KindName)
      .filter(({ apiVersion }) => apiVersion !== newer)
      .map((item) =>
        finding(item, "deprecated", "apiVersion", `${item.apiVersion} has been superseded`, { fix: `write ${newer}` }),
      );
  });
  const topology = model.all("EndpointSlice").flatMap((slice) =>
    slice.endpoints.flatMap(({ deprecatedTopology }, index) =>
      deprecatedTopology === undefined
        ? []
        : finding(slice, "deprecated", `endpoints[${index}].deprecatedTopology`, "nothing reads it", {
            fix: "write zone and nodeName",
          }),
    ),
  );
  return [...versions, ...topology];
}
