/** Speaks to control over HTTP, as the CLI does. */
import { env, exports } from "cloudflare:workers";
import type { ApiProblem, ChangeResponse, DeleteRequest } from "../../mesh/api.ts";
import type { Env } from "../../workers/control/env.ts";
import control from "../../workers/control/index.ts";

export const authorized = { authorization: `Bearer ${env.CONTROL_TOKEN}` };

export const send = (path: string, init: RequestInit = {}): Promise<Response> =>
  exports.default.fetch(
    new Request(`http://control${path}`, { ...init, headers: { ...authorized, ...(init.headers as object) } }),
  );

/** The same, with other bindings: a KV that fails, another secret. */
export const sendWith = async (
  over: Partial<Env>,
  path: string,
  init: RequestInit = {},
  isolate = control,
): Promise<Response> => {
  const request = new Request(`http://control${path}`, {
    ...init,
    headers: { ...authorized, ...(init.headers as object) },
  });
  const ctx = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  return isolate.fetch(request as Request<unknown, IncomingRequestCfProperties>, { ...env, ...over }, ctx as never);
};

export const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

export const get = async <T>(path: string): Promise<T> => (await send(path)).json<T>();

type ApplyOptions = { prune?: boolean; dryRun?: boolean; author?: string; message?: string };
export const applying = (text: string, options: ApplyOptions = {}, headers: Record<string, string> = {}): RequestInit =>
  post({ files: [{ name: "mesh.yaml", text }], ...options }, headers);

/** Applies what must be accepted. */
export async function apply(text: string, options: ApplyOptions = {}): Promise<ChangeResponse> {
  return accepted(await send("/v1/apply", applying(text, options)));
}
export const remove = async (request: DeleteRequest): Promise<ChangeResponse> =>
  accepted(await send("/v1/delete", post(request)));

export async function accepted(response: Response): Promise<ChangeResponse> {
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json<ChangeResponse>();
}

/** `status code`, and the problem itself. */
export async function refused(response: Response): Promise<{ said: string; problem: ApiProblem }> {
  const problem = await response.json<ApiProblem>();
  return { said: `${response.status} ${problem.code}`, problem };
}

export const service = (name: string, port = 80): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{port: ${port}}]}
---`;
