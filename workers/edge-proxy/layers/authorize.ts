import { authorizer, explainAuthorization, type Finding } from "../../../mesh/policies/authorize.ts";
import { tell } from "../findings.ts";
import { type Call, Denied, type MakeLayer } from "../layer.ts";

/** AuthorizationPolicy. The caller hears that it may not; why is the operator's to know. */
export const authorize: MakeLayer<"authorize"> = ({ groups, mirrors = [] }) => {
  const decide = authorizer(groups);
  const copies = mirrors.map((mirror) => ({ ...mirror, decide: authorizer(mirror.groups) }));
  return (next) => (call) => {
    if (call.step) call.step.facts.groups = explainAuthorization(groups, call);
    const refused = decide(call, (finding) => note(call, finding));
    if (!refused) {
      for (const copy of copies) {
        const withheld = copy.decide(call, (finding) => noteOfCopy(call, finding, copy.name));
        if (!withheld) continue;
        noteOfCopy(call, withheld, copy.name);
        call.unmirrored = [...call.unmirrored, copy.backend];
      }
      dropUnderscores(call.headers);
      return next(call);
    }
    note(call, refused);
    return Promise.reject(new Denied({ cause: "forbidden" }));
  };
};

/**
 * A server that makes variables of header names (CGI, WSGI) takes `x_role` for `x-role`, which a policy may have looked at. Where nothing
 * is authorized nothing is decided by a header either, and nobody pays for looking at every name.
 */
function dropUnderscores(headers: Headers): void {
  for (const name of Array.from(headers.keys())) if (name.includes("_")) headers.delete(name);
}

function note(call: Call, finding: Finding): void {
  if (finding.effect === "would-deny") call.wouldDeny = true;
  tell(call, "authorization", `${finding.effect} ${finding.policy} ${finding.rule ?? ""}`, finding);
}

/** Of the copy that a mirror would get: that says nothing of the call itself. */
function noteOfCopy(call: Call, finding: Finding, mirror: string): void {
  const key = `${finding.effect} ${finding.policy} ${finding.rule ?? ""} ${mirror}`;
  tell(call, "authorization", key, { ...finding, mirror });
}
