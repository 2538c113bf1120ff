/** Retries for which the time of the whole call has no room. */
import type { Compiled } from "../compile/compile.ts";
import { leastWait } from "../policies/retry.ts";
import type { Problem } from "../problem.ts";
import type { Policy, Rule } from "../snapshot.ts";
import { finding } from "./finding.ts";

export function retries({ snapshot, facts: { model } }: Compiled): Problem[] {
  const byKey = new Map(snapshot.rules.map((rule) => [`${rule.route} ${rule.rule}`, rule]));
  return model.all("HTTPRoute").flatMap((route) =>
    route.spec.rules.flatMap((rule, index): Problem[] => {
      const { namespace, name } = route.metadata;
      const compiled = byKey.get(`${namespace}/${name} ${rule.name ?? index}`);
      const message = compiled && excess(compiled);
      if (message === undefined) return [];
      const fix = "allow fewer attempts or shorter tries, or more time for the request";
      return [finding(route, "retry-exceeds-timeout", `spec.rules[${index}].retry`, message, { fix })];
    }),
  );
}

/** What is too long for the rule's request timeout, or a policy's, at the first backend for which it is. */
function excess({ layers, backends }: Rule): string | undefined {
  for (const backend of backends) {
    const all = [...layers, ...backend.layers];
    const retry = backend.layers.find((layer) => layer.kind === "retry");
    const deadline = Math.min(...all.flatMap((layer) => (layer.kind === "deadline" ? [layer.ms] : [])));
    if (!retry || deadline === Infinity) continue;
    const tryMs = Math.min(...backend.layers.flatMap(timeOfTry));
    const tries = retry.attempts + 1;
    const waits = Array.from({ length: retry.attempts }, (_, made) => leastWait(retry, made)).reduce(
      (a, b) => a + b,
      0,
    );
    const total = (tryMs === Infinity ? 0 : tries * tryMs) + waits;
    if (total <= deadline) continue;
    const each = tryMs === Infinity ? "" : ` of ${tryMs} ms each`;
    const waiting = waits > 0 ? ` with ${waits} ms of waits` : "";
    return `${tries} tries${each}${waiting} take ${total} ms, and the request has ${deadline} ms: the last are never made`;
  }
  return undefined;
}

const timeOfTry = (layer: Policy): number[] => (layer.kind === "try-timeout" ? [layer.ms] : []);
