import { allowsOrigin, answerHeaders, type Cors, preflightHeaders } from "../../../mesh/policies/cors.ts";
import type { MakeLayer } from "../layer.ts";

/**
 * Gateway API's HTTPCORSFilter. A preflight is answered here, whether the origin is allowed or not: it carries no credentials,
 * so that whatever stands below could only refuse it. Other requests go on, and their answers bear what the policy says in
 * place of what the upstream said; so do the mesh's own refusals, which the page could not read otherwise.
 */
export const cors: MakeLayer<"cors"> = (policy) => (next) => async (call) => {
  const { method, headers } = call.request;
  const origin = headers.get("origin");
  const allowed = origin !== null && allowsOrigin(policy, origin) ? origin : undefined;
  const asked = headers.get("access-control-request-method");
  if (method === "OPTIONS" && origin !== null && asked !== null) {
    const preflight = { method: asked, headers: headers.get("access-control-request-headers") };
    const answer = new Response(null, {
      status: 204,
      ...(allowed !== undefined && { headers: preflightHeaders(policy, allowed, preflight) }),
    });
    vary(answer.headers, "origin", "access-control-request-method", "access-control-request-headers");
    return answer;
  }
  call.onAnswer = (answer) => setHeaders(answer, policy, allowed);
  return next(call);
};

function setHeaders(answer: Headers, policy: Cors, origin: string | undefined): void {
  for (const name of Array.from(answer.keys())) if (name.startsWith("access-control-")) answer.delete(name);
  // A cache must not hand the answer for one origin to another, nor the answer without any.
  vary(answer, "origin");
  if (origin === undefined) return;
  for (const [name, value] of Object.entries(answerHeaders(policy, origin, [...answer.keys()])))
    answer.set(name, value);
}

function vary(headers: Headers, ...names: readonly string[]): void {
  const before = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase());
  if (before.includes("*")) return;
  for (const name of names) if (!before.includes(name)) headers.append("vary", name);
}
