import { authorizer, type Finding } from "../../../mesh/policies/authorize.ts";
import { type Call, Denied, type MakeLayer } from "../layer.ts";
import { remember } from "../memory.ts";

/** One line a second for each rule: callers must not be able to fill a log. */
const LOG_EVERY_MS = 1000;

/** AuthorizationPolicy. The caller hears that it may not; why is the operator's to know. */
export const authorize: MakeLayer<"authorize"> = ({ groups }) => {
  const decide = authorizer(groups);
  return (next) => (call) => {
    const refused = decide(call, (finding) => tell(call, finding));
    if (!refused) {
      dropUnderscores(call.headers);
      return next(call);
    }
    tell(call, refused);
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

/** Counted, and written to the log as JSON: how often since the last line, with the newest call as the example. */
function tell({ request, path, host, client, identity, outside }: Call, finding: Finding): void {
  const { findings } = outside.memory;
  const key = `${finding.effect} ${finding.policy} ${finding.rule ?? ""}`;
  const now = outside.now();
  const { count, loggedAt } = findings.get(key) ?? { count: 0, loggedAt: 0 };
  const due = now - loggedAt >= LOG_EVERY_MS;
  remember(findings, key, due ? { count: 0, loggedAt: now } : { count: count + 1, loggedAt });
  if (!due) return;
  const example = { method: request.method, host, path, client, caller: identity?.spiffe ?? "" };
  console.log(JSON.stringify({ authorization: { ...finding, count: count + 1 }, ...example }));
}
