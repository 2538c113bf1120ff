/** Hostnames that two Gateways have, and such as no listener serves. */
import type { Compiled } from "../compile/compile.ts";
import { intersect } from "../compile/attach.ts";
import type { Problem } from "../problem.ts";
import { finding } from "./finding.ts";

export const hostnames = (compiled: Compiled): Problem[] => [...shared(compiled), ...unserved(compiled)];

function shared({ facts: { listeners } }: Compiled): Problem[] {
  const standing = listeners.all.filter(({ refusal }) => !refusal);
  const groups = Map.groupBy(standing, ({ listener: { port, hostname = "" } }) => `${port} ${hostname}`);
  return [...groups.values()].flatMap(([first, ...others]) =>
    others
      .filter(({ gateway }) => gateway !== first!.gateway) // a group has one
      .map(({ owner, listener: { name, port, hostname } }) => {
        const index = owner.spec.listeners.findIndex((one) => one.name === name);
        const { gateway, listener } = first!;
        const theirs = `listener ${listener.name} of Gateway ${gateway.metadata.namespace}/${gateway.metadata.name}`;
        const message = `port ${port} and ${hostname === undefined ? "any host" : `host ${hostname}`} are also those of ${theirs}: an edge of all Gateways answers by the routes of both`;
        return finding(owner, "shared-hostname", `spec.listeners[${index}]`, message, {
          fix: "give each a hostname of its own, or each Gateway an edge with GATEWAY set",
        });
      }),
  );
}

/** Of a route that does attach: one that does not is reported by compile. */
function unserved({ facts: { parents } }: Compiled): Problem[] {
  return [...parents].flatMap(([route, facts]) => {
    const attached = facts.flatMap((fact) => (fact.kind === "attached" ? fact.to : []));
    const listeners = attached.flatMap((one) => (one.kind === "listener" ? [one.at.listener.hostname] : []));
    if (listeners.length === 0) return [];
    return route.spec.hostnames.flatMap((hostname, index) =>
      listeners.some((listener) => intersect(listener, [hostname]).length > 0)
        ? []
        : finding(
            route,
            "unserved-hostname",
            `spec.hostnames[${index}]`,
            `no listener of its parents serves ${hostname}`,
            {
              fix: "leave it out, or widen a listener's hostname",
            },
          ),
    );
  });
}
