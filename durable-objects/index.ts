export { ConfigObject } from "./config.ts";
export { FleetObject } from "./fleet.ts";

// Objects answer to bindings only.
export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
