/** By what a limit tells calls apart: one bucket for each value. Calls that have not got it share one bucket, that of the empty text. */
import { type Asked, type Claims, claimTexts } from "./authorize-clause.ts";
import { networkOf } from "../client-network.ts";
import { cookieValues } from "./session.ts";

export type KeyPart =
  /** An address by its first `v4` or `v6` bits. Absent: all 32, and 64: one client of IPv6 has all the addresses below. */
  | { readonly type: "ClientAddress"; readonly v4?: number; readonly v6?: number }
  /** Its name in lower case. */
  | { readonly type: "Header"; readonly name: string }
  | { readonly type: "Cookie"; readonly name: string }
  /** Members from the outside in. */
  | { readonly type: "Claim"; readonly path: readonly string[] }
  /** Of who calls, where that is proven: the SPIFFE ID, or the namespace alone. */
  | { readonly type: "Identity" | "Namespace" }
  | { readonly type: "Method" }
  /** The first template that fits, with the text of its named segments. */
  | { readonly type: "Path"; readonly templates: readonly string[] }
  | { readonly type: "Constant"; readonly value: string };

/** What keys read of a call: its headers as the caller sent them. */
export type Keyed = Pick<Asked, "path" | "client" | "identity" | "claims"> & {
  readonly request: { readonly method: string; readonly headers: { readonly get: (name: string) => string | null } };
};

/** Throws an Error for a part that this edge does not know: one bucket for all is not what the policy says. */
export function keyReader(part: KeyPart): (call: Keyed) => string {
  switch (part.type) {
    case "ClientAddress": {
      const { v4 = 32, v6 = 64 } = part;
      return ({ client }) => (v4 === 32 && !client.includes(":") ? client : networkOf(client, v4, v6));
    }
    case "Header":
      return ({ request }) => request.headers.get(part.name) ?? "";
    case "Cookie":
      return ({ request }) => cookieValues(request.headers.get("cookie"), part.name)[0] ?? "";
    case "Claim":
      return ({ claims }) => claimText(claims, part.path);
    case "Identity":
      return ({ identity }) => identity?.spiffe ?? "";
    case "Namespace":
      return ({ identity }) => identity?.namespace ?? "";
    case "Method":
      return ({ request }) => request.method;
    case "Path": {
      const readers = part.templates.map(templateReader);
      return ({ path }) => {
        const segments = path.split("/");
        for (const read of readers) {
          const found = read(segments);
          if (found !== undefined) return found;
        }
        return "";
      };
    }
    case "Constant":
      return () => part.value;
    default:
      throw new Error(`unknown key ${String((part satisfies never as KeyPart).type)}`);
  }
}

/** A list of texts is one value. */
function claimText(claims: Claims | undefined, path: readonly string[]): string {
  const texts = claimTexts(claims, path);
  return texts.length > 1 ? JSON.stringify(texts) : (texts[0] ?? "");
}

const NAMED = /^\{[a-z][a-z0-9_]*\}$/i;

/**
 * Why `template` is none, or undefined if it is one: a path in which `{name}` stands for a segment whose text belongs to the key,
 * `{*}` for one whose text does not, and `{**}` at the end for whatever follows.
 */
export function templateProblem(template: string): string | undefined {
  if (!template.startsWith("/")) return "must begin with /";
  const segments = template.split("/");
  const rest = segments.indexOf("{**}");
  if (rest >= 0 && rest < segments.length - 1) return "nothing may follow {**}";
  const odd = segments.find((one) => /[{}]/.test(one) && one !== "{*}" && one !== "{**}" && !NAMED.test(one));
  return odd === undefined ? undefined : `${odd} must be {name}, {*} or {**}, alone in its segment`;
}

/** A canonical path has no braces of its own, so that no caller can write what a template says. */
function templateReader(template: string): (segments: readonly string[]) => string | undefined {
  const wanted = template.split("/");
  const isOpen = wanted.at(-1) === "{**}";
  if (isOpen) wanted.pop();
  const isFitting = wanted.map((want) => {
    if (want === "{*}" || NAMED.test(want)) return (segment: string) => segment !== "";
    return (segment: string) => segment === want;
  });
  const named = wanted.flatMap((want, index) => (NAMED.test(want) ? [index] : []));
  return (segments) => {
    if (isOpen ? segments.length <= wanted.length : segments.length !== wanted.length) return undefined;
    // As long as the template or longer.
    if (!isFitting.every((fits, index) => fits(segments[index]!))) return undefined;
    if (named.length === 0) return template;
    const shown = [...wanted, ...(isOpen ? ["{**}"] : [])];
    for (const index of named) shown[index] = segments[index]!;
    return shown.join("/");
  };
}
