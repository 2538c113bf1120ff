/** One clause of an AuthorizationPolicy: an attribute of the call, and the values that it is to have or not to have. */
import ipaddr from "ipaddr.js";
import { isRecord } from "../canonical.ts";
import type { Identity } from "../identity.ts";
import { type Circumstances, condition } from "./condition.ts";
import { pathPattern } from "./path-template.ts";
import { type Fits, textPattern } from "./text-pattern.ts";

/** What authorization reads of a call: the canonical path that was routed, and the headers as they go on to the upstream. */
export type Asked = {
  readonly request: { readonly method: string };
  readonly path: string;
  /** In lower case, with its port if it has one of its own. */
  readonly host: string;
  /** The listener's. */
  readonly port: number;
  readonly headers: {
    readonly get: (name: string) => string | null;
    readonly forEach: (see: (value: string, name: string) => void) => void;
  };
  /** The peer's address; empty where it is not known. `headers` have it at the end of X-Forwarded-For. */
  readonly client: string;
  readonly identity: Identity | undefined;
  /** The SPIFFE IDs through which the call came to its caller, the first one first. */
  readonly chain: readonly string[];
  /** Of the token that an AuthenticationPolicy accepted. */
  readonly claims: Claims | undefined;
};

export type Claims = Readonly<Record<string, unknown>>;

export type Attribute =
  | { readonly kind: "principal" | "namespace" | "serviceAccount" | "chain" | "ip" | "remoteIp" }
  | {
      readonly kind: "requestPrincipal" | "audiences" | "presenter" | "host" | "port" | "method" | "path" | "condition";
    }
  | { readonly kind: "claim"; readonly path: readonly string[] }
  | { readonly kind: "header"; readonly name: string };

/** Of `values` one must fit, of `notValues` none. A `condition` is one value, in CEL. */
export type Clause = {
  readonly of: Attribute;
  /** Where it stands in the policy. */
  readonly path: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
};

/** A clause made ready. */
export type Fact = {
  readonly holds: (asked: Asked) => boolean;
  /** What the call has, and what the clause wants; or, with `other`, what would have to be otherwise. */
  readonly hindrance: (asked: Asked, wanted: "this" | "other") => Hindrance;
};

/** What its policy says that bears on every clause. */
export type Settings = {
  readonly action: "ALLOW" | "DENY" | "AUDIT";
  /** How many proxies before the edge append to X-Forwarded-For: which of its addresses is the client's. */
  readonly trustedProxies: number;
};

/** One clause that stands between a call and another decision. */
export type Hindrance = {
  /** Where in its policy: `spec.rules[0].from[0].source.principals`. */
  readonly path: string;
  /** What the call has there; empty for nothing. */
  readonly seen: string;
  readonly wants: string;
};

export function fact(clause: Clause, settings: Settings): Fact {
  const { of, path, values, notValues } = clause;
  const read = reader(of, settings);
  const hindrance: Fact["hindrance"] = (asked, wanted) => {
    const [fit, unfit] = wanted === "this" ? ["one of", "none of"] : ["none of", "one of"];
    const stated = [
      ...(values ? [`${fit} ${values.join(", ")}`] : []),
      ...(notValues ? [`${unfit} ${notValues.join(", ")}`] : []),
    ];
    return { path, seen: read(asked).join(", "), wants: stated.join(wanted === "this" ? " and " : " or ") };
  };
  if (of.kind === "condition") {
    const { holds, readsHeaders } = condition(values?.[0] ?? "");
    return {
      // What cannot be decided is no reason to let a call through: it refuses where it denies, and does not admit where it allows.
      holds: (asked) => {
        try {
          return holds(circumstancesOf(asked, readsHeaders));
        } catch {
          return settings.action !== "ALLOW";
        }
      },
      hindrance: (_asked, wanted) => ({
        path,
        seen: "",
        wants: wanted === "this" ? `true: ${values?.[0] ?? ""}` : `false: ${values?.[0] ?? ""}`,
      }),
    };
  }
  const fits = values && anyOf(of, values);
  const unfit = notValues && anyOf(of, notValues);
  if (of.kind === "header") {
    const strict = settings.action === "ALLOW";
    return {
      holds: (asked) => {
        const value = asked.headers.get(of.name);
        return (
          (!fits || (value !== null && headerFits(value, fits, values, strict))) &&
          (!unfit || value === null || !headerFits(value, unfit, notValues, !strict))
        );
      },
      hindrance,
    };
  }
  return {
    holds: (asked) => {
      const found = read(asked);
      return (!fits || found.some(fits)) && (!unfit || !found.some(unfit));
    },
    hindrance,
  };
}

/**
 * A header that came several times comes as one, joined with commas. Where it must fit for certain, all of its values have to;
 * where a doubt counts against the caller, one is enough.
 */
function headerFits(value: string, fits: Fits, texts: readonly string[] | undefined, certain: boolean): boolean {
  if (!value.includes(",")) return fits(value);
  const parts = value.split(",").map((part) => part.trim());
  if (texts?.includes(value)) return true;
  return certain ? parts.every(fits) : fits(value) || parts.some(fits);
}

function anyOf(of: Attribute, patterns: readonly string[]): Fits {
  const tests = patterns.map((text) => testOf(of, text));
  const [only] = tests;
  return tests.length === 1 && only ? only : (text) => tests.some((test) => test(text));
}

function testOf({ kind }: Attribute, text: string): Fits {
  if (kind === "ip" || kind === "remoteIp") return inBlock(text);
  if (kind === "path") return pathPattern(text);
  if (kind === "host") return textPattern(text.toLowerCase());
  // Istio writes principals without their scheme.
  const bare = (kind === "principal" || kind === "chain") && !text.startsWith("*") && !text.startsWith(SCHEME);
  return textPattern(bare ? SCHEME + text : text);
}

const SCHEME = "spiffe://";
const NONE: readonly string[] = [];

/** The values that the call has for an attribute; none where it has not got it. */
function reader(of: Attribute, { trustedProxies }: Settings): (asked: Asked) => readonly string[] {
  switch (of.kind) {
    case "principal":
      return ({ identity }) => (identity ? [identity.spiffe] : NONE);
    case "namespace":
      return ({ identity }) => (identity ? [identity.namespace] : NONE);
    case "serviceAccount":
      return ({ identity }) => (identity ? [`${identity.namespace}/${identity.name}`] : NONE);
    case "chain":
      return ({ chain }) => chain;
    case "ip":
      return ({ client }) => (client === "" ? NONE : [client]);
    case "remoteIp":
      return (asked) => remoteAddress(asked, trustedProxies);
    case "requestPrincipal":
      return ({ claims }) => (claims ? [requestPrincipal(claims)] : NONE);
    case "audiences":
      return ({ claims }) => textsOf(claims?.aud);
    case "presenter":
      return ({ claims }) => textsOf(claims?.azp);
    case "claim":
      return ({ claims }) => claimTexts(claims, of.path);
    case "header":
      return ({ headers }) => {
        const value = headers.get(of.name);
        return value === null ? NONE : [value];
      };
    case "host":
      return ({ host }) => hostForms(host);
    case "port":
      return ({ port }) => [String(port)];
    case "method":
      return ({ request }) => [request.method];
    case "path":
      return ({ path }) => [path];
    case "condition":
      return () => NONE;
    default:
      // A snapshot of a newer control: what this edge cannot ask, it must not pass over.
      throw new Error(`unknown attribute ${String((of satisfies never as Attribute).kind)}`);
  }
}

/** `issuer/subject` as Istio has it. */
const requestPrincipal = ({ iss, sub }: Claims): string => `${textsOf(iss)[0] ?? ""}/${textsOf(sub)[0] ?? ""}`;

/** A host is meant with a port and without, and with the root's dot or without. */
function hostForms(host: string): readonly string[] {
  const [, name = host, port = ""] = /^(.*?)\.?(:\d+)?$/.exec(host) ?? [];
  return port === "" ? [name] : [name, name + port];
}

/** OAuth's `scope` holds several words in one text. */
export function claimTexts(claims: Claims | undefined, path: readonly string[]): readonly string[] {
  let found: unknown = claims;
  for (const part of path) found = isRecord(found) && Object.hasOwn(found, part) ? found[part] : undefined;
  if (path.length === 1 && path[0] === "scope" && typeof found === "string") return [found, ...found.split(" ")];
  return textsOf(found);
}

/** Claims are texts or lists of texts; numbers and booleans count as what they are written as. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number" || typeof value === "boolean") return [String(value)];
  return Array.isArray(value) ? value.flatMap((one: unknown) => (Array.isArray(one) ? NONE : textsOf(one))) : NONE;
}

/**
 * The address that the outermost trusted proxy saw: so many from the end of X-Forwarded-For, to which the edge has appended its own
 * peer. None where the header is shorter than that: the request did not come by those proxies.
 */
function remoteAddress({ client, headers }: Asked, trustedProxies: number): readonly string[] {
  if (trustedProxies === 0) return client === "" ? NONE : [client];
  const hops = (headers.get("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
  const address = hops.at(-trustedProxies - (client === "" ? 0 : 1));
  return address === undefined || address === "" ? NONE : [address];
}

function inBlock(block: string): Fits {
  const [network, bits] = ipaddr.parseCIDR(block.includes("/") ? block : `${block}/${block.includes(":") ? 128 : 32}`);
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    // An IPv4 address in IPv6's clothes is the IPv4 address.
    const address = ipaddr.process(text);
    return address.kind() === network.kind() && address.match(network, bits);
  };
}

/** Why `text` is no block of addresses, or undefined if it is one. */
export function blockProblem(text: string): string | undefined {
  const [address = "", bits] = text.split("/");
  const four = ipaddr.IPv4.isValidFourPartDecimal(address);
  const valid =
    (four || (address.includes(":") && ipaddr.IPv6.isValid(address))) &&
    (bits === undefined || ipaddr.isValidCIDR(text));
  return valid ? undefined : "must be an IP address or a block of them, such as 10.0.0.0/8 or 2001:db8::/32";
}

export function circumstancesOf(asked: Asked, withHeaders: boolean): Circumstances {
  const { request, path, host, client, identity, chain, claims = {} } = asked;
  const headers: [name: string, value: string][] = [];
  if (withHeaders) asked.headers.forEach((value, name) => headers.push([name, value]));
  const { spiffe = "", namespace = "", name = "" } = identity ?? {};
  return {
    request: { method: request.method, path, host, headers: Object.fromEntries(headers) },
    source: { principal: spiffe, namespace, serviceAccount: name, ip: client, chain },
    claims,
  };
}
