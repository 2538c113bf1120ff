/** The access log of a rule made ready, and a request's line in it. */
import { circumstancesOf } from "../../mesh/policies/authorize-clause.ts";
import { type Answered, type LogFilter, logFilter } from "../../mesh/policies/log-filter.ts";
import { accessLine, type AccessLog, outcomeOf } from "../../mesh/telemetry/access-log.ts";
import type { Call } from "./layer.ts";
import type { AccessLogger, Seen } from "./seen.ts";

export function accessLogger(log: AccessLog): AccessLogger {
  const filter = log.filter === undefined ? undefined : logFilter(log.filter);
  const further = new Set(log.redact);
  return (seen, call, cause, { status, headers }, outside) => {
    const { request, url, began, rule } = seen;
    const share = log.shares[outcomeOf(status)];
    if (share < 1 && outside.random() >= share) return;
    const durationMs = outside.now() - began;
    if (filter && !filter.admits(answeredOf(seen, call, filter, { status, cause, durationMs }))) return;
    const { identity, trace } = call;
    const line = accessLine(log, further, {
      began,
      durationMs,
      epoch: call.pinned.epoch,
      method: request.method,
      scheme: call.scheme,
      host: url.host,
      path: url.pathname,
      search: url.search,
      status,
      cause,
      degraded: call.standIn,
      wouldDeny: call.wouldDeny,
      route: rule?.route ?? "",
      rule: rule?.rule ?? "",
      backend: call.backend,
      attempts: call.backend === "" ? 0 : call.attempts,
      hedges: call.hedges,
      client: call.client,
      caller: identity ? `${identity.namespace}/${identity.name}` : "",
      requestHeaders: request.headers,
      responseHeaders: headers,
      traceId: trace.traceId,
      spanId: trace.spanId,
      sampled: trace.sampled,
      share,
    });
    outside.log(line);
  };
}

/** As the caller sent it: what the route's filters made of it is the upstream's. */
const answeredOf = (
  { request, url }: Seen,
  call: Call,
  { readsHeaders }: LogFilter,
  response: Answered["response"],
): Answered => ({
  ...circumstancesOf({ ...call, path: url.pathname, host: url.host, headers: request.headers }, readsHeaders),
  response,
});
