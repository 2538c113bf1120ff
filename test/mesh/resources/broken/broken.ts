/** A broken file: what is wrong with it, its text with a `‸` before each place that must be named, and a `code path` for each. */
export type Broken = readonly [title: string, text: string, ...problems: string[]];

const MARK = "‸";

/** The text without its marks, and each mark's `line:col`. Lines end at `\n` as editors count them. */
export function unmarked(text: string): { text: string; places: string[] } {
  const parts = text.split(MARK);
  const places = parts.slice(0, -1).map((_, index) => {
    const lines = parts
      .slice(0, index + 1)
      .join("")
      .split("\n");
    return `${lines.length}:${lines.at(-1)!.length + 1}`; // split gives at least one
  });
  return { text: parts.join(""), places };
}

const GATEWAY_API = "gateway.networking.k8s.io/v1";
const SELVEDGE_API = "mesh.selvedge.dev/v1alpha1";

const resource = (apiVersion: string, kind: string) => (spec: string) =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\nspec: ${spec}\n`;

export const backend = resource(SELVEDGE_API, "Backend");
export const trafficPolicy = resource(SELVEDGE_API, "TrafficPolicy");
export const authorizationPolicy = resource(SELVEDGE_API, "AuthorizationPolicy");
export const authenticationPolicy = resource(SELVEDGE_API, "AuthenticationPolicy");
export const rateLimitPolicy = resource(SELVEDGE_API, "RateLimitPolicy");
export const idempotencyPolicy = resource(SELVEDGE_API, "IdempotencyPolicy");
export const gateway = resource(GATEWAY_API, "Gateway");
export const gatewayClass = resource(GATEWAY_API, "GatewayClass");
export const listenerSet = resource(GATEWAY_API, "ListenerSet");
export const route = resource(GATEWAY_API, "HTTPRoute");
export const grant = resource(GATEWAY_API, "ReferenceGrant");
export const service = resource("v1", "Service");
export const slice = (body: string) =>
  `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\n${body}\n`;

/** A Backend with nothing wrong, whose metadata is the point. */
export const named = (metadata: string) =>
  `apiVersion: ${SELVEDGE_API}\nkind: Backend\nmetadata: ${metadata}\nspec: {endpoints: [{url: "https://a.example"}]}\n`;
export const fine = (name: string) => named(`{name: ${name}}`);
