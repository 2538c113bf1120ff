import { Hono } from "hono";
import { includes, type Role } from "../../mesh/role.ts";
import { methodNotAllowed } from "hono/method-not-allowed";
import { apply, remove, rollback } from "./apply.ts";
import { type Caller, callerOf } from "./auth.ts";
import { breakers, hold } from "./breakers.ts";
import { check } from "./check.ts";
import { page, PATHS } from "./dashboard.ts";
import { type Bindings, type Env, identities } from "./env.ts";
import { addWorkload, keySet, renewWorkload, revokeWorkload, rotateKeys, token, workloads } from "./identity.ts";
import { limits, reset } from "./limits.ts";
import { newMemory } from "./memory.ts";
import { exposition, metrics } from "./metrics.ts";
import { mirrors } from "./mirrors.ts";
import { publish, publishIdentity, publishNow } from "./publish.ts";
import { edges, history, resources, snapshot } from "./read.ts";
import { answer, answerTo } from "./refusal.ts";
import { authorizationOf, closeSession, openSession, readSession } from "./session.ts";
import { makeSignIn, tokenBehind } from "./sign-in.ts";
import { createToken, revokeToken, tokens } from "./tokens.ts";

type Handler = (request: Request, env: Env, caller: Caller) => Promise<Response>;

/** For holders of a token, each with the role that it takes. There is nothing for anyone else: not even that a path does not exist. */
const FOR_OPERATORS: readonly (readonly [method: "GET" | "POST", path: string, role: Role, handler: Handler])[] = [
  ["POST", "/v1/apply", "editor", apply],
  ["POST", "/v1/delete", "editor", remove],
  ["POST", "/v1/rollback", "editor", rollback],
  ["POST", "/v1/publish", "editor", async (_request, env) => Response.json(await publishNow(env))],
  ["GET", "/v1/resources", "viewer", resources],
  ["GET", "/v1/history", "viewer", history],
  ["GET", "/v1/edges", "viewer", edges],
  ["GET", "/v1/snapshot", "viewer", snapshot],
  ["GET", "/v1/check", "viewer", check],
  ["GET", "/v1/breakers", "viewer", breakers],
  ["POST", "/v1/breakers", "editor", hold],
  ["GET", "/v1/limits", "viewer", limits],
  ["POST", "/v1/limits/reset", "editor", reset],
  ["GET", "/v1/mirrors", "viewer", mirrors],
  ["GET", "/v1/metrics", "viewer", metrics],
  ["GET", "/metrics", "viewer", exposition],
  ["GET", "/v1/identity/workloads", "viewer", workloads],
  ["POST", "/v1/identity/workloads", "admin", addWorkload],
  ["POST", "/v1/identity/renew", "admin", renewWorkload],
  ["POST", "/v1/identity/revoke", "admin", revokeWorkload],
  ["POST", "/v1/identity/rotate-keys", "admin", rotateKeys],
  ["POST", "/v1/sign-in", "viewer", makeSignIn],
  ["GET", "/v1/tokens", "admin", tokens],
  ["POST", "/v1/tokens", "admin", createToken],
  ["POST", "/v1/tokens/revoke", "admin", revokeToken],
];

const app = new Hono<{ Bindings: Env; Variables: { caller: Caller } }>();

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
  openSession(
    context.req.raw,
    (authorization) => callerOf(authorization, context.env),
    (code) => tokenBehind(code, context.env),
  ),
);
app.delete("/session", (context) => closeSession(context.req.raw));
app.get("/v1/session", (context) =>
  readSession(context.req.raw, (authorization) => callerOf(authorization, context.env)),
);
app.use(async (context, next) => {
  const caller = await callerOf(authorizationOf(context.req.raw), context.env);
  if (caller instanceof Response) return caller;
  context.set("caller", caller);
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
for (const [method, path, role, handler] of FOR_OPERATORS) {
  app.on(method, path, (context) => {
    const { caller } = context.var;
    // Before anything is read: what a request holds makes no difference to one who may not ask.
    if (!includes(caller.role, role)) return answer("forbidden");
    return handler(context.req.raw, context.env, caller);
  });
}
app.notFound(() => answer("not-found"));
app.onError((error) => answerTo(error));

/** The Worker of one isolate. The runtime makes one to a process; whoever simulates control makes several. */
export function controller() {
  const memory = newMemory();
  return {
    fetch: (request, bindings, context) => app.fetch(request, { ...bindings, memory }, context),
    async scheduled(_controller, bindings) {
      const env = { ...bindings, memory };
      await publish(env);
      if (!(await identities(env).isPublished())) await publishIdentity(env, "Identities published");
    },
  } satisfies ExportedHandler<Bindings>;
}

export default controller();
