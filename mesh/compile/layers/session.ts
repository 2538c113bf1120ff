import type { RouteRule } from "../../resources/http-route.ts";
import { milliseconds } from "../../resources/parts.ts";
import type { Session } from "../../policies/session.ts";
import type { Policy, WeightedBackend } from "../../snapshot.ts";

/** `scope` names the rule. */
export function sessionLayer(
  { sessionPersistence }: RouteRule,
  scope: string,
  backends: readonly WeightedBackend[],
): Policy[] {
  if (!sessionPersistence) return [];
  const {
    type,
    sessionName,
    cookie,
    cookieConfig,
    header,
    absoluteTimeout = "0s",
    idleTimeout = "0s",
  } = sessionPersistence;
  const name = cookie?.name ?? sessionName;
  const permanent = (cookie ?? cookieConfig)?.lifetimeType === "Permanent";
  const carrier: Session["carrier"] =
    type === "Header"
      ? { kind: "header", name: (header?.name ?? sessionName ?? "session").toLowerCase() }
      : { kind: "cookie", ...(name !== undefined && { name }), permanent };
  const times = { absoluteMs: milliseconds(absoluteTimeout), idleMs: milliseconds(idleTimeout) };
  return [
    {
      kind: "session",
      scope,
      shares: backends.map(({ backend }) => backend),
      carrier,
      // `0s` means no limit.
      ...(times.absoluteMs > 0 && { absoluteMs: times.absoluteMs }),
      ...(times.idleMs > 0 && { idleMs: times.idleMs }),
    },
  ];
}
