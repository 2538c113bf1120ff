import { Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { apply, remove, rollback } from "./apply.ts";
import { refusalFor } from "./auth.ts";
import { breakers, hold } from "./breakers.ts";
import { check } from "./check.ts";
import { page, PATHS } from "./dashboard.ts";
import { type Env, identities } from "./env.ts";
import { addWorkload, keySet, renewWorkload, revokeWorkload, rotateKeys, token, workloads } from "./identity.ts";
import { exposition, metrics } from "./metrics.ts";
import { publish, publishIdentity, publishNow } from "./publish.ts";
import { edges, history, resources, snapshot } from "./read.ts";
import { answer, answerTo } from "./refusal.ts";
import { authorizationOf, closeSession, openSession } from "./session.ts";

type Handler = (request: Request, env: Env) => Promise<Response>;

/** For holders of CONTROL_TOKEN. There is nothing for anyone else: not even that a path does not exist. */
const FOR_OPERATORS: readonly (readonly [method: "GET" | "POST", path: string, handler: Handler])[] = [
  ["POST", "/v1/apply", apply],
  ["POST", "/v1/delete", remove],
  ["POST", "/v1/rollback", rollback],
  ["POST", "/v1/publish", async (_request, env) => Response.json(await publishNow(env))],
  ["GET", "/v1/resources", resources],
  ["GET", "/v1/history", history],
  ["GET", "/v1/edges", edges],
  ["GET", "/v1/snapshot", snapshot],
  ["GET", "/v1/check", check],
  ["GET", "/v1/breakers", breakers],
  ["POST", "/v1/breakers", hold],
  ["GET", "/v1/metrics", metrics],
  ["GET", "/metrics", exposition],
  ["GET", "/v1/identity/workloads", workloads],
  ["POST", "/v1/identity/workloads", addWorkload],
  ["POST", "/v1/identity/renew", renewWorkload],
  ["POST", "/v1/identity/revoke", revokeWorkload],
  ["POST", "/v1/identity/rotate-keys", rotateKeys],
];

const app = new Hono<{ Bindings: Env }>();

app.use(async (context, next) => {
  await next();
  // A token's answers belong to no cache.
  if (!context.res.headers.has("cache-control")) context.header("cache-control", "no-store");
  context.header("x-content-type-options", "nosniff");
});
/** For those who are no operators: workloads, who bring a secret of their own, and services, who verify. */
app.post("/v1/identity/token", (context) => token(context.req.raw, context.env));
app.get("/.well-known/jwks.json", (context) => keySet(context.req.raw, context.env));
// Before anyone is asked for a token: the page in which to enter one, and the session that it opens.
for (const path of PATHS) app.get(path, (context) => page(context.req.raw));
app.post("/session", (context) =>
  openSession(context.req.raw, (authorization) => refusalFor(authorization, context.env.CONTROL_TOKEN)),
);
app.delete("/session", (context) => closeSession(context.req.raw));
app.use(async (context, next) => {
  const refusal = await refusalFor(authorizationOf(context.req.raw), context.env.CONTROL_TOKEN);
  if (refusal) return refusal;
  return next();
});
app.use(
  methodNotAllowed({
    app,
    onMethodNotAllowed: (_context, methods) => {
      const allow = methods.join(", ");
      return answer("invalid-request", { detail: `Allowed here: ${allow}` }, { status: 405, headers: { allow } });
    },
  }),
);
for (const [method, path, handler] of FOR_OPERATORS) {
  app.on(method, path, (context) => handler(context.req.raw, context.env));
}
app.notFound(() => answer("not-found"));
app.onError((error) => answerTo(error));

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
  async scheduled(_controller, env) {
    await publish(env);
    if (!(await identities(env).isPublished())) await publishIdentity(env, "Identities published");
  },
} satisfies ExportedHandler<Env>;
