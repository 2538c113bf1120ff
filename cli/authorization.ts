/** Why a caller may or may not make a request, as a record for scripts and as text for people. */
import type { AuthorizationCheck } from "../mesh/explain/authorization.ts";
import type { Asked } from "../mesh/explain/explain.ts";
import type { Explanation } from "../mesh/policies/authorize.ts";
import { printable } from "./terminal.ts";

/** `null` for what is not there. */
export function authorizationRecord(
  { method, scheme, host, pathname, search }: Asked,
  caller: string,
  { verdict, taker, answer, groups, withDryRuns }: AuthorizationCheck,
  epoch: number | null,
) {
  return {
    epoch,
    request: { method, scheme, host, path: pathname + search },
    caller,
    verdict,
    taker: taker ?? null,
    answer: answer ? { status: answer.status, cause: answer.cause ?? null, why: answer.why } : null,
    groups: groups.map(groupRecord),
    withDryRuns: withDryRuns?.map(groupRecord) ?? null,
  };
}
export type AuthorizationRecord = ReturnType<typeof authorizationRecord>;

const groupRecord = ({ policy, action, rule, ...rest }: Explanation) => ({
  ...rest,
  policy: policy ?? null,
  action: action ?? null,
  rule: rule ?? null,
});
type Group = ReturnType<typeof groupRecord>;

export function authorizationText(record: AuthorizationRecord): string {
  const { request, caller, verdict, taker, answer, groups, withDryRuns } = record;
  const dry = withDryRuns?.filter(({ allowed }) => !allowed) ?? [];
  return [
    `${verdict.toUpperCase()}: ${request.method} ${request.scheme}://${request.host}${request.path} by ${caller || "nobody"}`,
    ...(taker
      ? [taker.rule === "" ? `${taker.route} itself takes it` : `HTTPRoute ${taker.route} rule ${taker.rule} takes it`]
      : []),
    ...(answer ? [`The mesh answers ${answer.status} ${answer.cause ?? ""}: ${answer.why}`] : []),
    ...(taker && !answer && groups.length === 0 ? ["No AuthorizationPolicy holds"] : []),
    ...groups.flatMap(groupLines),
    ...(verdict === "allowed" && dry.length > 0
      ? ["With dry runs in force it would be denied:", ...dry.flatMap(groupLines)]
      : []),
  ]
    .map(printable)
    .join("\n");
}

function groupLines({ allowed, policies, policy, action, rule, hindrances }: Group): string[] {
  if (allowed)
    return [
      policy === null
        ? `No rule of ${policies.join(", ") || "a policy"} denies it, and no ALLOW policy holds`
        : `AuthorizationPolicy ${policy} rule ${rule} allows it`,
    ];
  if (policy === null) return [`${policies.join(", ")} allow nothing: no ALLOW policy has a rule`];
  const [who, change] =
    action === "DENY"
      ? [`AuthorizationPolicy ${policy} rule ${rule} denies it`, "It would not if one of these were otherwise:"]
      : [
          `No ALLOW rule matches; the nearest is AuthorizationPolicy ${policy} rule ${rule}`,
          "It would if all of these were so:",
        ];
  return [
    who,
    change,
    ...hindrances.map(({ path, seen, wants }) => `  ${path}: ${wants}; the call has ${seen || "nothing"}`),
  ];
}
