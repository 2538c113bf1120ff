/**
 * One service of the example shop: `node examples/shop/service.ts NAME PORT [VERSION]`, with EDGE in the environment.
 * It knows the others by their names in the mesh and no other address than the edge's.
 *
 * `POST /_break?status=503&for=20s` makes it fail for a while, `POST /_mend` ends that.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";

type Answer = { readonly status: number; readonly body: object };
type Route = (headers: IncomingHttpHeaders) => Promise<Answer>;

const [name = "", port = "", version = "v1"] = process.argv.slice(2);
const edge = process.env["EDGE"] ?? "http://127.0.0.1:8787";

const PRICES = [
  { item: "thread", price: 3 },
  { item: "needle", price: 5 },
];

/** What each service answers, by method and path. */
const SERVICES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  storefront: {
    "GET /": async (headers) => {
      const catalog = await call("catalog", "GET /items", headers);
      return { status: catalog.status, body: { shop: "Selvedge & Daughters", catalog: catalog.body } };
    },
    "POST /checkout": async (headers) => {
      const order = await call("checkout", "POST /orders", headers);
      return { status: order.status, body: { shop: "Selvedge & Daughters", order: order.body } };
    },
  },
  catalog: {
    "GET /items": async () =>
      version === "v1"
        ? ok({ version, items: PRICES })
        : ok({ version, items: PRICES.map((one) => ({ ...one, inStock: true })), offer: "two for one on Sundays" }),
  },
  checkout: {
    "POST /orders": async (headers) => {
      const payment = await call("payments", "POST /charges", headers);
      return { status: payment.status, body: { item: "thread", payment: payment.body } };
    },
  },
  payments: {
    "POST /charges": async () => ok({ charged: 3, currency: "EUR" }),
  },
};

const routes = SERVICES[name];
if (!routes || !/^\d+$/.test(port)) {
  console.error(`usage: service.ts ${Object.keys(SERVICES).join("|")} PORT [VERSION]`);
  process.exit(64);
}

let broken = { status: 0, until: 0 };

async function respond({ method, url = "/", headers }: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(url, "http://service");
  const asked = `${method} ${pathname}`;
  if (asked === "POST /_break") return breakFor(searchParams);
  if (asked === "POST /_mend") {
    broken = { status: 0, until: 0 };
    return ok({ [name]: "mended" });
  }
  if (Date.now() < broken.until) return { status: broken.status, body: { error: `${name} is broken` } };
  return routes?.[asked]?.(headers) ?? { status: 404, body: { error: `${name} has no ${asked}` } };
}

function breakFor(query: URLSearchParams): Answer {
  const status = Number(query.get("status") ?? 503);
  const [, count = "", unit = ""] = /^(\d{1,6})(s|m)$/.exec(query.get("for") ?? "20s") ?? [];
  if (!(status >= 400 && status <= 599) || count === "")
    return { status: 400, body: { error: "status is 400 to 599, for is a number of seconds or minutes: 20s, 2m" } };
  broken = { status, until: Date.now() + Number(count) * (unit === "m" ? 60_000 : 1000) };
  return ok({ [name]: "broken", status, until: new Date(broken.until).toISOString() });
}

/** Headers by which one request can be followed through every service, and the one that asks for the canary. */
const PASSED_ON = ["traceparent", "tracestate", "x-request-id", "x-canary"];

/** Calls another service through the mesh, by path form: the edge knows where it runs, this process does not. */
async function call(service: string, what: string, from: IncomingHttpHeaders): Promise<Answer> {
  const [method = "GET", path = "/"] = what.split(" ");
  const headers = PASSED_ON.flatMap((header) => {
    const value = from[header];
    return typeof value === "string" ? [[header, value] as [string, string]] : [];
  });
  try {
    const response = await fetch(`${edge}/~${service}.shop${path}`, { method, headers });
    return { status: response.status, body: (await response.json()) as object };
  } catch (error) {
    return { status: 502, body: { error: `${name} cannot reach ${service}: ${String(error)}` } };
  }
}

const ok = (body: object): Answer => ({ status: 200, body });

const server = createServer((request, response) => {
  request.resume();
  void respond(request).then(({ status, body }) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(`${JSON.stringify({ service: name, ...body })}\n`);
  });
});
server.on("error", (error) => {
  console.error(`${name}: ${error.message}`);
  process.exit(1);
});
server.listen(Number(port), "127.0.0.1", () => {
  // A child of `npm start` says that it listens, and ends with its parent, however that one ended.
  process.on("disconnect", () => process.exit());
  process.send?.("listening");
});
