/** The end of the stack: one endpoint, one call. Bodies stream both ways; nothing here reads them. */
import { timeHeaders } from "../../mesh/policies/deadline.ts";
import { pick, weigh } from "../../mesh/policies/weighted.ts";
import type { Backend, Endpoint } from "../../mesh/snapshot.ts";
import { type Call, Denied, type Handler } from "./layer.ts";
import { sending } from "./spans.ts";
import { signRequest } from "./sign-request.ts";
import { sentBody, watchBodies } from "./sent-body.ts";

export function upstream(backend: Backend): Handler {
  const { endpoints } = backend;
  const drawn = weigh(endpoints.map(({ weight }, index) => ({ weight, index })));
  return async (call) => {
    const index = call.place.endpoint ?? pick(drawn, call.outside.random())?.index;
    const endpoint = index === undefined ? undefined : endpoints[index];
    if (index === undefined || !endpoint) throw new Denied({ cause: "no-endpoint" });
    call.place = { ...call.place, endpoint: index };
    const response = await sending(call, endpoint, () => send(endpoint, call));
    // What no response may have, this one could not be passed on with; nor does one switch protocols that nobody asked to.
    const switched = response.status === 101 && response.webSocket !== null;
    if (!switched && (response.status < 200 || response.status > 599)) throw new Denied({ cause: "upstream-invalid" });
    return response;
  };
}

/** The upstream is told how long it has; when there is no time left, it is told nothing at all. */
function sayTimeLeft({ deadline, headers, outside, request }: Call): void {
  if (deadline === undefined) return;
  const leftMs = deadline - outside.now();
  if (leftMs <= 0) throw new Denied({ cause: "deadline-exceeded" });
  for (const [name, value] of timeHeaders(leftMs, (one) => request.headers.get(one))) headers.set(name, value);
}

async function send(endpoint: Endpoint, call: Call): Promise<Response> {
  sayTimeLeft(call);
  const path = (endpoint.kind === "binding" ? "" : endpoint.path) + call.path + call.search;
  if (call.signed) await signRequest(call, path);
  const { body, broken } = sentBody(call);
  const signal = call.signal && broken ? AbortSignal.any([call.signal, broken]) : (call.signal ?? broken);
  const init: RequestInit = {
    method: call.request.method,
    headers: call.headers,
    body,
    // A redirect is the caller's to follow: following it here could carry its credentials to another host.
    redirect: "manual",
    ...(signal && { signal }),
  };
  try {
    // fetch takes Host from the URL. A binding decides by itself where the request goes, so that the URL can carry the host
    // that the caller asked for.
    if (endpoint.kind === "binding") {
      const binding = call.outside.binding(endpoint.binding);
      if (!binding) throw new Denied({ cause: "no-endpoint" });
      call.progress.sent = true;
      return await binding.fetch(`https://${call.host}${path}`, init);
    }
    if (endpoint.reserved && !call.outside.allowReserved) throw new Denied({ cause: "address-refused" });
    call.progress.sent = true;
    const keeping = call.outside.hostPreserving(endpoint.origin);
    return keeping
      ? await keeping.fetch(`http://${call.host}${path}`, init)
      : await call.outside.fetch(endpoint.origin + path, init);
  } catch (error) {
    // One that is held whole came whole: it is not the caller's doing.
    if (body instanceof ReadableStream && !call.signal?.aborted) watchBodies(call.outside);
    if (broken?.aborted) throw broken.reason;
    // A TypeError is ours: the request could not be made. What the network does to it comes as a plain Error.
    if (error instanceof Denied || error instanceof TypeError || call.signal?.aborted) throw error;
    throw new Denied({ cause: "upstream-unreachable" });
  }
}
