/** What the services do when they are asked; all but two answer at once. */
import { SERVICES, type Service } from "./configuration.ts";
import type { Behaviour, Outgoing } from "./services.ts";

export const behaviours: Readonly<Record<string, Behaviour>> = Object.fromEntries(
  (Object.keys(SERVICES) as Service[]).map((service): [string, Behaviour] => [
    service,
    service === "front"
      ? front
      : service === "permits"
        ? slowly
        : async () => new Response("done", { headers: { "selvedge-cause": "forged" } }),
  ]),
);

/** Long enough for several calls to meet. */
async function slowly(): Promise<Response> {
  await scheduler.wait(100 + 500 * Math.random());
  return new Response("done");
}

/** Calls `leaf` for each request, and is no better than that. */
async function front({ headers }: { readonly headers: Headers }, outgoing: Outgoing): Promise<Response> {
  const passed = new Headers();
  for (const name of ["x-request", "selvedge-retries", "selvedge-timeout-ms", "traceparent"]) {
    const value = headers.get(name);
    if (value !== null) passed.set(name, value);
  }
  const { status } = await outgoing("shop.test", "/leaf/x", passed);
  return new Response(null, { status: status < 500 ? 200 : 502 });
}
