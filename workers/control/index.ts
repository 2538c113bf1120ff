import { type Context, Hono } from "hono";
import { includes } from "../../mesh/role.ts";
import { methodNotAllowed } from "hono/method-not-allowed";
import { actionOf, audited, countDenied } from "./audit.ts";
import { type Caller, callerOf } from "./auth.ts";
import { page, PATHS } from "./dashboard.ts";
import type { Bindings, Env } from "./env.ts";
import { exportMetrics } from "./export.ts";
import { sourceOf } from "./guesses.ts";
import { keySet, token } from "./identity.ts";
import { newMemory } from "./memory.ts";
import { mendIdentity, publish } from "./publish.ts";
import { answer, answerTo } from "./refusal.ts";
import { FOR_OPERATORS } from "./routes.ts";
import { authorizationOf, closeSession, openSession, readSession } from "./session.ts";
import { tokenBehind } from "./sign-in.ts";

type Hosted = { Bindings: Env; Variables: { caller: Caller } };
const app = new Hono<Hosted>();

/** In the audit log, whoever has brought no good secret is nobody, and what was asked for stands there only if it took one of its own. */
function counted({ env, req, executionCtx }: Context<Hosted>, response: Response): Response {
  const action = req.path === "/session" ? "session" : req.path === "/v1/identity/token" ? "identity/token" : "";
  if (response.status === 401 || response.status === 429)
    countDenied(env, { who: "", role: "", action }, (work) => executionCtx.waitUntil(work));
  return response;
}

const operator = ({ env, req }: Context<Hosted>) => sourceOf(req.raw, env, "operator");

app.use(async (context, next) => {
  await next();
  // A token's answers belong to no cache.
  if (!context.res.headers.has("cache-control")) context.header("cache-control", "no-store");
  context.header("x-content-type-options", "nosniff");
});
/** For those who are no operators: workloads, who bring a secret of their own, and services, who verify. */
app.post("/v1/identity/token", async (context) => counted(context, await token(context.req.raw, context.env)));
app.get("/.well-known/jwks.json", (context) => keySet(context.req.raw, context.env));
// Before anyone is asked for a token: the page in which to enter one, and the session that it opens.
for (const path of PATHS) app.get(path, (context) => page(context.req.raw));
app.post("/session", async (context) => {
  const { req, env } = context;
  const opened = await openSession(
    req.raw,
    (authorization) => callerOf(authorization, env, operator(context)),
    (code) => tokenBehind(code, env, operator(context)),
  );
  return counted(context, opened);
});
app.delete("/session", (context) => closeSession(context.req.raw));
app.get("/v1/session", (context) =>
  readSession(context.req.raw, (authorization) => callerOf(authorization, context.env, operator(context))),
);
app.use(async (context, next) => {
  const caller = await callerOf(authorizationOf(context.req.raw), context.env, operator(context));
  if (caller instanceof Response) return counted(context, caller);
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
    const { req, env } = context;
    const action = actionOf(path);
    // Before anything is read: what a request holds makes no difference to one who may not ask.
    if (!includes(caller.role, role)) {
      const attempt = { who: caller.name, role: caller.role, action };
      countDenied(env, attempt, (work) => context.executionCtx.waitUntil(work));
      return answer("forbidden");
    }
    if (method === "GET") return handler(req.raw, env, caller, () => {});
    return audited(env, caller, action, (tell) => handler(req.raw, env, caller, tell));
  });
}
app.notFound(() => answer("not-found"));
app.onError((error) => answerTo(error));

/** The Worker of one isolate. The runtime makes one to a process; whoever simulates control makes several. */
export function controller() {
  const memory = newMemory();
  return {
    fetch: (request, bindings, context) => app.fetch(request, { ...bindings, memory }, context),
    async scheduled(_controller, bindings, context) {
      const env = { ...bindings, memory };
      context.waitUntil(exportMetrics(env));
      await publish(env);
      await mendIdentity(env);
    },
  } satisfies ExportedHandler<Bindings>;
}

export default controller();
