/** What a request's spans are made of: tries and policies while it runs, the hop when it is answered. Nothing is done where nothing is recorded. */
import { type Endpoint, addressOf, type Policy } from "../../mesh/snapshot.ts";
import { DEFAULT_TELEMETRY, keptFor } from "../../mesh/policies/telemetry.ts";
import { enqueue } from "../../mesh/telemetry/export-queue.ts";
import { beginSpan, closeHop, endWithError, endWithStatus, type Span } from "../../mesh/telemetry/span.ts";
import { isRecordedBy, received, recordedResponse, writeParent } from "../../mesh/telemetry/trace.ts";
import type { Seen } from "./seen.ts";
import { type Call, Denied, type Handler, type Layer, type Outside } from "./layer.ts";

/** Whether a policy may refuse, wait or send again: then it has a span. What only changes headers would be seen for its length of nothing. */
const HAS_SPAN: { readonly [K in Policy["kind"]]: boolean } = {
  telemetry: false,
  bypass: false,
  "low-priority": false,
  deadline: false,
  cors: false,
  authenticate: true,
  authorize: true,
  "rate-limit": true,
  idempotency: true,
  "adaptive-concurrency": true,
  "request-limits": false,
  "stale-serve": true,
  refuse: false,
  redirect: false,
  "response-headers": false,
  "request-headers": false,
  rewrite: false,
  mirror: false,
  session: false,
  "body-timeout": false,
  assert: true,
  "expose-endpoint": false,
  "fault-budget": false,
  breaker: true,
  concurrency: true,
  retry: true,
  hedge: true,
  balance: true,
  "endpoint-breaker": true,
  "try-timeout": false,
  "first-byte": false,
  fault: true,
};

/** The layer with a span around all that it does, in requests that are recorded in detail. */
export function withSpan(kind: Policy["kind"], layer: Layer): Layer {
  if (!HAS_SPAN[kind]) return layer;
  return (next) => {
    const run = layer(next);
    return (call) => (call.recording?.detailed ? within(call, kind, run) : run(call));
  };
}

async function within(call: Call, name: string, run: Handler): Promise<Response> {
  const { recording, outside } = call;
  if (!recording) return run(call);
  const outer = call.span;
  const span = beginSpan(recording, {
    id: outside.newId(8),
    parentId: outer,
    kind: "internal",
    name,
    began: outside.now(),
  });
  call.span = span.id;
  try {
    return await run(call);
  } catch (error) {
    // Whose it is, the innermost span says that has it; above, it passes through.
    if (error instanceof Denied) span.attributes["selvedge.cause"] = error.denial.cause;
    throw error;
  } finally {
    span.ended = outside.now();
    call.span = outer;
  }
}

/** The whole hop, once its answer is there: kept where it was sampled, or where what became of it is worth it. The caller is told. Answers the trace of what was kept. */
export function recordHop(
  { request, url, began, rule, call, telemetry }: Seen,
  cause: string,
  response: Response,
  outside: Outside,
): string | undefined {
  const now = outside.now();
  const { status } = response;
  // One that was refused before it had a call has a place in a trace all the same.
  const trace = call?.trace ?? received((name) => request.headers.get(name), undefined, outside.newId);
  const said = response.headers.get("traceresponse");
  const { tracing } = telemetry ?? DEFAULT_TELEMETRY;
  const kept = trace.sampled
    ? undefined
    : keptFor(tracing, status, now - began, said !== null && isRecordedBy(said, trace));
  if (!trace.sampled && kept === undefined) return undefined;
  const { protocol, host, hostname, pathname } = url;
  const folder = call?.folder;
  const server: Span = {
    id: trace.spanId,
    parentId: trace.parentId,
    kind: "server",
    name: folder === undefined ? request.method : `${request.method} ${folder || "/"}`,
    began,
    ended: now,
    error: undefined,
    attributes: {
      "http.request.method": request.method,
      "url.scheme": call?.scheme ?? protocol.slice(0, -1),
      "url.path": pathname,
      "server.address": hostname,
      ...(host !== hostname && { "server.port": Number(host.slice(hostname.length + 1)) }),
      ...(folder !== undefined && { "http.route": folder || "/" }),
      ...(call?.client && { "client.address": call.client }),
      ...present("user_agent.original", request.headers.get("user-agent")),
      ...(rule && { "selvedge.route": rule.route, "selvedge.rule": rule.rule }),
      ...(call && {
        "selvedge.epoch": call.pinned.epoch,
        "selvedge.attempts": call.backend === "" ? 0 : call.attempts,
      }),
      ...present("selvedge.backend", call?.backend),
      ...present("selvedge.caller", call?.identity && `${call.identity.namespace}/${call.identity.name}`),
      ...present("selvedge.cause", cause),
      ...present("selvedge.degraded", call?.standIn),
      ...present("selvedge.kept", kept),
    },
  };
  endWithStatus(server, status, now);
  if (cause !== "" && server.error !== undefined) endWithError(server, cause, now);
  enqueue(outside.memory.hops, closeHop(trace, [server, ...(call?.recording?.spans ?? [])], kept, now), now);
  response.headers.set("traceresponse", recordedResponse(trace));
  return trace.traceId;
}

const present = (name: string, value: string | null | undefined): Record<string, string> =>
  value ? { [name]: value } : {};

/** One try, of which the upstream is told as its parent. */
export function sending(call: Call, endpoint: Endpoint, send: () => Promise<Response>): Promise<Response> {
  return call.recording ? recorded(call, endpoint, send) : send();
}

async function recorded(call: Call, endpoint: Endpoint, send: () => Promise<Response>): Promise<Response> {
  const { recording, outside, request } = call;
  if (!recording) return send();
  const span = beginSpan(recording, {
    id: outside.newId(8),
    parentId: call.span,
    kind: "client",
    name: request.method,
    began: outside.now(),
    attributes: {
      "http.request.method": request.method,
      "selvedge.backend": call.backend,
      "selvedge.endpoint": addressOf(endpoint),
    },
  });
  if (call.attempts > 1) span.attributes["http.request.resend_count"] = call.attempts - 1;
  if (endpoint.kind === "url") describeUrl(span, endpoint.origin, endpoint.path + call.path);
  writeParent(call.headers, call.trace, span.id);
  try {
    const response = await send();
    endWithStatus(span, response.status, outside.now());
    return response;
  } catch (error) {
    endWithError(span, error instanceof Denied ? error.denial.cause : "cancelled", outside.now());
    throw error;
  }
}

/** Without the query: credentials stand there too often. */
function describeUrl(span: Span, origin: string, path: string): void {
  const [scheme = "", authority = ""] = origin.split("://");
  const [, host = authority, port] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  span.attributes["url.full"] = origin + path;
  span.attributes["server.address"] = host;
  span.attributes["server.port"] = Number(port ?? (scheme === "https" ? 443 : 80));
}
