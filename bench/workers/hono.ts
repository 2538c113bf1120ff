/** A framework's proxy, doing nothing else. */
import { Hono } from "hono";
import { proxy } from "hono/proxy";

const app = new Hono<{ Bindings: { readonly UPSTREAM: string } }>();

app.all("*", (context) => {
  const { pathname, search } = new URL(context.req.url);
  return proxy(context.env.UPSTREAM + pathname + search, { raw: context.req.raw });
});

export default app;
