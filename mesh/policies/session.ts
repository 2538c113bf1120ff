/**
 * Session persistence (GEP-1619): a caller brings back a token that names the endpoint that served it. The token is kept by
 * the caller alone; docs/decisions/011-session-persistence.md says what it can be trusted for.
 */
export type Session = {
  readonly carrier:
    /** Without a name the edge makes one of the rule's. A permanent cookie outlives the browser. */
    | { readonly kind: "cookie"; readonly name?: string; readonly permanent: boolean }
    /** In lower case. */
    | { readonly kind: "header"; readonly name: string };
  /** How long a session lasts, in milliseconds, from its beginning and from its last use. */
  readonly absoluteMs?: number;
  readonly idleMs?: number;
};

export type Token = {
  /** The endpoint, as a digest. */
  readonly id: string;
  /** In seconds since 1970; both 0 where no time is kept. */
  readonly began: number;
  readonly used: number;
};

/** Edges' clocks differ a little; a token from further in the future is forged. */
const SKEW_S = 60;

export function parseToken(text: string): Token | undefined {
  const [, id, began = "0", used = "0"] = /^([\w-]{22})(?:\.([0-9a-z]{1,8})\.([0-9a-z]{1,8}))?$/.exec(text) ?? [];
  return id === undefined ? undefined : { id, began: parseInt(began, 36), used: parseInt(used, 36) };
}

/** `now` is in milliseconds since 1970, here and below. */
export function isAlive({ began, used }: Token, { absoluteMs, idleMs }: Session, now: number): boolean {
  const seconds = now / 1000;
  if (Math.max(began, used) > seconds + SKEW_S) return false;
  return (
    (absoluteMs === undefined || seconds - began < absoluteMs / 1000) &&
    (idleMs === undefined || seconds - used < idleMs / 1000)
  );
}

/** A token for the next call, or undefined while the one that the caller holds will do: not every answer need renew it. */
export function nextToken(held: Token | undefined, id: string, policy: Session, now: number): Token | undefined {
  const seconds = keepsTime(policy) ? Math.floor(now / 1000) : 0;
  if (held?.id !== id) return { id, began: seconds, used: seconds };
  const { idleMs } = policy;
  if (idleMs === undefined || seconds - held.used < idleMs / 10_000) return undefined;
  return { ...held, used: seconds };
}

export const formatToken = ({ id, began, used }: Token, policy: Session): string =>
  keepsTime(policy) ? `${id}.${began.toString(36)}.${used.toString(36)}` : id;

const keepsTime = ({ absoluteMs, idleMs }: Session): boolean => absoluteMs !== undefined || idleMs !== undefined;

/** Every value that a Cookie header has for `name`: cookies of several paths may share one name. */
export const cookieValues = (header: string | null, name: string): string[] =>
  (header ?? "").split(";").flatMap((pair) => {
    const [key = "", ...rest] = pair.split("=");
    return key.trim() === name ? [rest.join("=").trim()] : [];
  });

/** `path` is where the rule's requests lie. Over plain HTTP a browser would drop a cookie that is `Secure`. */
export function setCookie(
  name: string,
  token: Token,
  policy: Session,
  { path, secure, now }: { readonly path: string; readonly secure: boolean; readonly now: number },
): string {
  const { carrier, absoluteMs } = policy;
  const permanent = carrier.kind === "cookie" && carrier.permanent && absoluteMs !== undefined;
  const maxAge = permanent ? Math.ceil(token.began + absoluteMs / 1000 - Math.floor(now / 1000)) : undefined;
  return [
    `${name}=${formatToken(token, policy)}`,
    // A path with a semicolon would end the attribute and begin another.
    `Path=${path === "" || path.includes(";") ? "/" : path}`,
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
    "HttpOnly",
    "SameSite=Strict",
    ...(secure ? ["Secure"] : []),
  ].join("; ");
}
