/** What a request that a service is answering says of the calls that it sets off: the service's own code need not hand it on. */
import { AsyncLocalStorage } from "node:async_hooks";

/** Names and values as `fetch` or `node:http` have them. */
export type IncomingHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export type Incoming = {
  /** What goes on to whatever is called. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What goes on to the mesh alone: who called, and through whom, which no service need know of another's callers. */
  readonly assertion: string | undefined;
  /** When its caller stops waiting, on the clock of `Date.now`. */
  readonly deadline: number;
  /** How many more tries of its calls it may set off; the mesh counts them down. */
  readonly retries: number;
};

const RETRIES = "selvedge-retries";
const TRAVELLING = [
  "traceparent",
  "tracestate",
  "baggage",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
  RETRIES,
];
const FROM_NOWHERE: Incoming = { headers: [], assertion: undefined, deadline: Infinity, retries: Infinity };

const storage = new AsyncLocalStorage<Incoming>();

/** Runs `work`, which answers the request with these headers; calls made by it, and by what it awaits, carry on what they say. */
export function serving<T>(headers: IncomingHeaders, work: () => T): T {
  const get = reader(headers);
  const timeout = get("selvedge-timeout-ms") ?? "";
  const retries = /^\d/.exec(get(RETRIES) ?? "");
  const incoming = {
    headers: TRAVELLING.flatMap((name) => {
      const value = get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
    assertion: get("selvedge-caller"),
    deadline: /^\d{1,15}$/.test(timeout) ? Date.now() + Number(timeout) : Infinity,
    retries: retries ? Number(retries[0]) : Infinity,
  };
  return storage.run(incoming, work);
}

export const incoming = (): Incoming => storage.getStore() ?? FROM_NOWHERE;

/** node:http has an object, in which a header called `get` is a text. */
const isGetter = (headers: IncomingHeaders): headers is { get(name: string): string | null } =>
  typeof headers.get === "function";

function reader(headers: IncomingHeaders): (name: string) => string | undefined {
  if (isGetter(headers)) return (name) => headers.get(name) ?? undefined;
  const all = headers;
  return (name) => {
    const value = all[name];
    return typeof value === "string" || value === undefined ? value : value.join(", ");
  };
}
