/**
 * What the platform says of the request's connection, if it says anything. A runtime of one's own builds it from a header that any client can
 * send (Miniflare's MF-CF-Blob), and throws when it is read and is no JSON.
 */
export function platformFacts(request: Request): Request["cf"] {
  try {
    return request.cf;
  } catch {
    return undefined;
  }
}
