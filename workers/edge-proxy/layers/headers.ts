import type { HeaderChanges } from "../../../mesh/snapshot.ts";
import type { MakeLayer } from "../layer.ts";

/** Gateway API's HTTPHeaderFilter. */
function change(headers: Headers, { set, add, remove }: HeaderChanges): void {
  for (const { name, value } of set) headers.set(name, value);
  for (const { name, value } of add) headers.append(name, value);
  for (const name of remove) headers.delete(name);
}

export const requestHeaders: MakeLayer<"request-headers"> = (changes) => (next) => (call) => {
  change(call.headers, changes);
  return next(call);
};

export const responseHeaders: MakeLayer<"response-headers"> = (changes) => (next) => async (call) => {
  const response = await next(call);
  // What fetch returned is immutable, and a WebSocket lives in the object itself: both pass through a copy.
  const changed = new Response(response.body, response);
  change(changed.headers, changes);
  return changed;
};
