import type { Clause } from "../../policies/authorize-clause.ts";
import type { KeyPart } from "../../policies/rate-limit-key.ts";
import type { RateLimit } from "../../policies/rate-limit.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Policy } from "../../snapshot.ts";
import type { Item } from "../model.ts";
import { type Policies, type Target, titleOf } from "../policies.ts";

export function rateLimitLayer(policies: Policies, targets: readonly Target[]): Policy[] {
  const limits = policies.attached("RateLimitPolicy", targets).flatMap(limitsOf);
  return limits.length > 0 ? [{ kind: "rate-limit", limits }] : [];
}

type Spec = Item<"RateLimitPolicy">["spec"];
type LimitSpec = Spec["limits"][number];

function limitsOf(policy: Item<"RateLimitPolicy">): RateLimit[] {
  const { limits, onUnavailable, exempt, dryRun } = policy.spec;
  return limits.map((limit) => {
    const { name, key, window, mode, overdraft } = limit;
    const windowMs = milliseconds(window);
    const requests = limit.requests ?? limit.bytes ?? limit.units ?? 0; // one of them is there
    // Ten seconds' worth at most: a day's quota should not all be had in one burst unless someone says so.
    const burst = limit.burst ?? Math.max(1, Math.ceil(requests * Math.min(1, 10_000 / windowMs)));
    return {
      name: `${titleOf(policy)}/${name}`,
      key: key.map(keyPart),
      requests,
      windowMs,
      burst,
      onUnavailable,
      ...costOf(limit),
      ...(mode === "bounded" && { credit: overdraft ?? Math.ceil(burst / 5) }),
      ...(mode === "local" && { local: true }),
      ...(exempt && { exempt: clausesOf(exempt) }),
      ...(dryRun && { dryRun }),
    };
  });
}

function costOf({ bytes, cost }: LimitSpec): Pick<RateLimit, "cost"> {
  if (bytes !== undefined) return { cost: { kind: "bytes" } };
  return cost === undefined ? {} : { cost: { kind: "expression", text: cost } };
}

function clausesOf({ principals, namespaces, clientBlocks, condition }: NonNullable<Spec["exempt"]>): Clause[] {
  return [
    ...(principals ? [clause("principal", "principals", principals)] : []),
    ...(namespaces ? [clause("namespace", "namespaces", namespaces)] : []),
    ...(clientBlocks ? [clause("ip", "clientBlocks", clientBlocks)] : []),
    ...(condition === undefined ? [] : [clause("condition", "condition", [condition])]),
  ];
}

const clause = (
  kind: "principal" | "namespace" | "ip" | "condition",
  field: string,
  values: readonly string[],
): Clause => ({ of: { kind }, path: `spec.exempt.${field}`, values });

function keyPart(part: LimitSpec["key"][number]): KeyPart {
  if (part.type === "Header") return { ...part, name: part.name.toLowerCase() };
  if (part.type === "Claim") return { type: "Claim", path: typeof part.claim === "string" ? [part.claim] : part.claim };
  if (part.type !== "ClientAddress") return part;
  const { v4Prefix: v4, v6Prefix: v6 } = part;
  return { type: "ClientAddress", ...(v4 !== undefined && { v4 }), ...(v6 !== undefined && { v6 }) };
}
