/**
 * The hub: a request's whole path on one screen. Match, then the rule's stack of layers, then a backend's, then upstream.
 * A proxy belongs to one snapshot and holds no request's data, so that a request keeps one configuration to its end.
 */
import { type Address, addressOf, hostOf } from "../../mesh/address.ts";
import type { Pointer } from "../../mesh/api.ts";
import { canonicalPath, isPlain } from "../../mesh/canonical-path.ts";
import { answer, type Denial } from "../../mesh/denial.ts";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import {
  ambiguousPathsOf,
  isInScope,
  isNamed,
  type Match,
  matchHost,
  type Matcher,
  matchService,
  type Missing,
  type Subject,
} from "../../mesh/match.ts";
import { CARRIED_METHODS } from "../../mesh/methods.ts";
import { timeAllowed } from "../../mesh/policies/deadline.ts";
import { pick, weigh } from "../../mesh/policies/weighted.ts";
import type { Backend, Policy, Rule, WeightedBackend } from "../../mesh/snapshot.ts";
import { DEFAULT_TELEMETRY, type Telemetry } from "../../mesh/policies/telemetry.ts";
import { begin } from "../../mesh/telemetry/recorder.ts";
import type { Labels } from "../../mesh/telemetry/series.ts";
import { received, writeTrace } from "../../mesh/telemetry/trace.ts";
import type { Ingress } from "./ingress.ts";
import { accessLogger } from "./access-log.ts";
import { bypassed } from "./bypass.ts";
import { callerOf } from "./caller.ts";
import { debuggerOf } from "./debug.ts";
import { consideredFor, explain, explainedLayer, explainedTry, weightsOf } from "./explaining.ts";
import { cleanResponse, isLooping, requestHeaders } from "./forwarding.ts";
import { type Call, Denied, type Handler, type Layer, type MakeLayer, type Outside, stack } from "./layer.ts";
import { layersOver } from "./layers.ts";
import { callersDeadline } from "./layers/deadline.ts";
import { observed } from "./report.ts";
import type { AccessLogger, Seen } from "./seen.ts";
import { withSpan } from "./spans.ts";
import { beginExplaining } from "./step.ts";
import { upstream } from "./upstream.ts";

/** `url` is the request's, parsed: the entry has needed it already. `fetchShard` makes one resident, or says that it could not. */
export type Proxy = (
  request: Request,
  url: URL,
  outside: Outside,
  ingress: Ingress,
  fetchShard: (number: number) => Promise<boolean>,
) => Promise<Response>;

/** Built when a rule is first used, and there as long as its shard is: of ten thousand rules, an isolate meets a few. */
const handlers = new WeakMap<Rule, Ready>();
type Ready = { readonly run: Handler; readonly telemetry: Telemetry; readonly log: AccessLogger | undefined };

function readyOf(match: Match): Ready {
  const { rule } = match;
  const known = handlers.get(rule);
  if (known) return known;
  const telemetry = rule.layers.find((one) => one.kind === "telemetry") ?? DEFAULT_TELEMETRY;
  const log = telemetry.accessLog && accessLogger(telemetry.accessLog);
  const made = { run: handlerOf(match, USUAL), telemetry, log };
  handlers.set(rule, made);
  return made;
}

/** What stands around each layer, and around what sends to a backend. */
type Around = {
  readonly layer: (kind: Policy["kind"], layer: Layer) => Layer;
  readonly send: (backend: Backend, send: Handler) => Handler;
};
const USUAL: Around = { layer: withSpan, send: (_backend, send) => send };
const EXPLAINED: Around = { layer: (kind, layer) => explainedLayer(kind, withSpan(kind, layer)), send: explainedTry };

/** The rule's whole stack. */
function handlerOf({ rule, backends }: Match, around: Around): Handler {
  const layers = sharedLayers(backends);
  const build: Build = (all, inner) =>
    bypassed(all, (policies) =>
      stack(
        policies.map((policy) => around.layer(policy.kind, layerOf(layers, policy))),
        inner,
      ),
    );
  return build(rule.layers, split(backends, rule, build, around));
}

/** Rules that share backends share what is made of them: what is learnt of a group's endpoints belongs to the list that it was made of. */
const made = new WeakMap<readonly Backend[], ReturnType<typeof layersOver>>();
function sharedLayers(backends: readonly Backend[]): ReturnType<typeof layersOver> {
  const layers = made.get(backends) ?? layersOver(backends);
  made.set(backends, layers);
  return layers;
}

export function proxy(routes: Matcher, pinned: Pointer): Proxy {
  return async (request, url, outside, ingress, fetchShard) => {
    const seen: Seen = { request, url, began: outside.now(), ...UNKNOWN };
    const read = (name: string): string | null => request.headers.get(name);
    if (outside.counts) begin(outside.memory.recorder);
    const answered = (cause: Labels["cause"], response: Response): Response => {
      if (seen.explaining) explain(seen, seen.explaining, cause, response, outside);
      return observed(seen, cause, response, outside);
    };
    try {
      const by = request.headers.has(MESH_HEADERS.debug) ? await debuggerOf(request, outside) : undefined;
      if (by !== undefined) seen.explaining = beginExplaining(by, pinned, outside.now());
      refuseUncarried(request);
      if (endsHere(request)) return noFurther();
      const path = pathOf(routes, ingress, request, url);
      const address = addressOf(routes, isNamed, ingress, url.hostname, path);
      if (!isInScope(routes, ingress.port, address)) throw new Denied({ cause: "out-of-scope" });
      const proven = callerOf(routes.manifest.identity, ingress.workload, request, pinned, outside);
      // A promise only for a token that this isolate has not seen yet.
      const { identity, chain } = proven instanceof Promise ? await proven : proven;
      const from = { port: ingress.port, caller: identity?.namespace ?? ingress.caller };
      let match = find(routes, from, address, request, url);
      while (match && "missing" in match) {
        if (!(await fetchShard(match.missing))) throw new Denied({ cause: "no-shard" });
        match = find(routes, from, address, request, url);
      }
      if (seen.explaining)
        seen.explaining.considered = consideredFor(routes, from, address, subjectOf(address, request, url));
      if (!match) throw new Denied({ cause: "no-route" });
      seen.rule = match.rule;
      const { run: handler, telemetry, log } = readyOf(match);
      const { threshold } = telemetry.tracing;
      const trace = received(read, outside.exportsSpans ? threshold : undefined, outside.newId);
      const call: Call = {
        request,
        body: hasBody(request) ? request.body : null,
        headers: requestHeaders(request, url, ingress),
        path: address.path,
        search: url.search,
        host: url.host,
        prefix: match.prefix,
        folder: before(path, address.path) + match.folder,
        place: {},
        backend: "",
        tried: NONE,
        signal: undefined,
        broken: undefined,
        deadline: undefined,
        deadlineIsCallers: false,
        client: ingress.client,
        scheme: ingress.scheme,
        port: ingress.port,
        identity,
        chain,
        claims: undefined,
        signed: false,
        standIn: undefined,
        wouldDeny: false,
        stoodIn: undefined,
        bypassed: false,
        onAnswer: undefined,
        progress: { sent: false },
        covered: false,
        once: false,
        faulty: false,
        unmirrored: NONE,
        passedOn: undefined,
        attempts: 1,
        hedges: 0,
        trace,
        recording: outside.exportsSpans ? { detailed: trace.sampled, spans: [] } : undefined,
        span: trace.spanId,
        step: seen.explaining?.root,
        pinned,
        outside,
      };
      seen.call = call;
      seen.telemetry = telemetry;
      seen.log = log;
      writeTrace(call.headers, trace, trace.spanId);
      const allowedMs = timeAllowed(read);
      const stacked = seen.explaining ? handlerOf(match, EXPLAINED) : handler;
      const run = allowedMs === undefined ? stacked : callersDeadline(allowedMs)(stacked);
      const response = await run(call);
      return answered(call.stoodIn ?? (call.bypassed ? "bypassed" : ""), finish(response, call));
    } catch (error) {
      if (!(error instanceof Denied)) console.error("edge failed", error);
      const denial: Denial = error instanceof Denied ? error.denial : { cause: "internal" };
      return answered(denial.cause, mark(deny(denial, pinned), seen.call));
    }
  };
}

const NONE: readonly number[] = [];
const UNKNOWN = { rule: undefined, call: undefined, telemetry: undefined, log: undefined, explaining: undefined };
/** The one spelling of the path, for every decision and for the upstream. Whose listener reads it is known by the host alone. */
function pathOf(routes: Matcher, { port }: Ingress, { url: whole }: Request, { hostname, pathname }: URL): string {
  // The parser has made slashes of them; what is behind a question mark is none of the path.
  const backslash = whole.indexOf("\\");
  const backslashes = backslash !== -1 && !whole.slice(0, backslash).includes("?");
  if (!backslashes && isPlain(pathname)) return pathname;
  const path = canonicalPath(pathname, backslashes, ambiguousPathsOf(routes, port, hostOf(hostname)));
  if (path === undefined) throw new Denied({ cause: "path-ambiguous" });
  return path;
}

/** What stands before `path` in the caller's own: the service's name, in path form. */
const before = (whole: string, path: string): string =>
  whole.endsWith(path) ? whole.slice(0, whole.length - path.length) : whole;

/** RFC 9110 §7.6.2: with no forward left, whoever has the request is the one who answers it. TRACE is refused anyway. */
const endsHere = ({ method, headers }: Request): boolean =>
  method === "OPTIONS" && headers.get("max-forwards")?.trim() === "0";

const noFurther = (): Response =>
  new Response(null, { status: 204, headers: { allow: Array.from(CARRIED_METHODS).join(", ") } });

/** What fetch could not send on is refused before anything is decided about it. */
function refuseUncarried(request: Request): void {
  const { method, headers } = request;
  if (!CARRIED_METHODS.has(method)) throw new Denied({ cause: "method-not-carried" });
  if ((method === "GET" || method === "HEAD") && hasBody(request)) throw new Denied({ cause: "body-not-carried" });
  // The runtime makes the URL of whatever stands there: a part of it would become the path that is routed and sent on.
  if (/[/?#@\\]/.test(headers.get("host") ?? "")) throw new Denied({ cause: "host-invalid" });
  if (isLooping(headers)) throw new Denied({ cause: "loop-detected" });
}

/** The runtime has a body for `Content-Length: 0` too, with which it would not send a GET on. */
const hasBody = ({ body, method, headers }: Request): boolean =>
  body !== null && !((method === "GET" || method === "HEAD") && headers.get("content-length") === "0");

function find(
  routes: Matcher,
  { port, caller }: Pick<Ingress, "port" | "caller">,
  address: Address,
  request: Request,
  url: URL,
): Match | Missing | undefined {
  const subject = subjectOf(address, request, url);
  return address.kind === "host"
    ? matchHost(routes, port, address.host, subject)
    : matchService(routes, address.service, address.port, caller, subject);
}

const subjectOf = ({ path }: Address, { method, headers }: Request, url: URL): Subject => ({
  method,
  path,
  header: (name) => headers.get(name),
  query: (name) => url.searchParams.get(name),
});

/** The rule's backends by weight, each with its own layers. */
function split(backends: readonly Backend[], rule: Rule, build: Build, around: Around): Handler {
  const shares = rule.backends.map((one) => backendHandler(backends, one, build, around));
  const drawn = weigh(rule.backends.map(({ weight }, index) => ({ weight, index })).filter(({ weight }) => weight > 0));
  return (call) => {
    const share = call.place.share ?? pick(drawn, call.outside.random())?.index;
    if (call.step) call.step.all[0]!.facts.weights = weightsOf(backends, rule, share); // the first is the rule's
    const run = share === undefined ? undefined : shares[share];
    if (share === undefined || !run) return Promise.reject(new Denied({ cause: "no-backend" }));
    call.place = { ...call.place, share };
    return run(call);
  };
}

type Build = (policies: readonly Policy[], inner: Handler) => Handler;

function backendHandler(
  backends: readonly Backend[],
  { backend, layers }: WeightedBackend,
  build: Build,
  around: Around,
): Handler {
  const found = backend === null ? undefined : backends[backend];
  if (!found) return () => Promise.reject(new Denied({ cause: "no-backend" }));
  const run = build(layers, around.send(found, upstream(found)));
  return (call) => {
    call.backend = found.name;
    return run(call);
  };
}

function layerOf<K extends Policy["kind"]>(
  layers: ReturnType<typeof layersOver>,
  policy: Extract<Policy, { kind: K }>,
): Layer {
  return (layers[policy.kind as K] as MakeLayer<K>)(policy);
}

function finish(response: Response, call: Call): Response {
  // What fetch returned is immutable; a WebSocket (status 101) and an undecoded body pass through the copy untouched.
  const finished = new Response(response.body, response);
  cleanResponse(finished.headers);
  finished.headers.set(MESH_HEADERS.epoch, String(call.pinned.epoch));
  if (call.stoodIn !== undefined) finished.headers.set(MESH_HEADERS.cause, call.stoodIn);
  return mark(finished, call);
}

/** What the call's layers say on its answer, whoever gave it. A decision of a fallback in a state object's place is said to be so. */
function mark(response: Response, call: Call | undefined): Response {
  if (call !== undefined && call.attempts > 1) response.headers.set(MESH_HEADERS.attempts, String(call.attempts));
  call?.onAnswer?.(response.headers);
  if (call?.bypassed) response.headers.set(MESH_HEADERS.degraded, "bypass");
  if (call?.standIn !== undefined) response.headers.set(MESH_HEADERS.degraded, call.standIn);
  return response;
}

export function deny(denial: Denial, { epoch }: Pointer): Response {
  const { status, headers, body } = answer(denial);
  return new Response(body, { status, headers: { ...headers, [MESH_HEADERS.epoch]: String(epoch) } });
}
