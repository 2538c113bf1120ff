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

function limitsOf(policy: Item<"RateLimitPolicy">): RateLimit[] {
  return policy.spec.limits.map(({ name, key, requests, window, burst }) => {
    const windowMs = milliseconds(window);
    return {
      name: `${titleOf(policy)}/${name}`,
      key: key.map(keyPart),
      requests,
      windowMs,
      // Ten seconds' worth at most: a day's quota should not all be had in one burst unless someone says so.
      burst: burst ?? Math.max(1, Math.ceil(requests * Math.min(1, 10_000 / windowMs))),
      onUnavailable: policy.spec.onUnavailable,
    };
  });
}

function keyPart(part: Item<"RateLimitPolicy">["spec"]["limits"][number]["key"][number]): KeyPart {
  if (part.type === "Header") return { ...part, name: part.name.toLowerCase() };
  if (part.type === "Claim") return { type: "Claim", path: typeof part.claim === "string" ? [part.claim] : part.claim };
  if (part.type !== "ClientAddress") return part;
  const { v4Prefix: v4, v6Prefix: v6 } = part;
  return { type: "ClientAddress", ...(v4 !== undefined && { v4 }), ...(v6 !== undefined && { v6 }) };
}
