/**
 * Whether a request comes from an operator who may be told why: it carries a token that control has signed a few minutes ago. What
 * is not signed is not heard, and the request goes on like any other.
 */
import { DEBUG_AUDIENCE, DEBUG_ISSUER, SKEW_MS } from "../../mesh/identity.ts";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import type { Outside } from "./layer.ts";
import { STATE_TIMEOUT_MS } from "./memory.ts";
import { verify } from "./token.ts";
import { within } from "./within.ts";

/** Anyone can make tokens up: however many come, this isolate asks for keys that it does not know no more often. */
const ASK_EVERY_MS = 1000;
const EXPECTED = { issuer: DEBUG_ISSUER, audiences: [DEBUG_AUDIENCE], skewMs: SKEW_MS };

/** The operator's name; undefined for everyone else. */
export async function debuggerOf({ headers }: Request, outside: Outside): Promise<string | undefined> {
  const token = headers.get(MESH_HEADERS.debug);
  if (token === null) return undefined;
  const { memory, now } = outside;
  let verified = await verify(token, memory.debugKeys.keys, EXPECTED, now());
  if ("refused" in verified && verified.refused === "unknown-key" && now() >= memory.debugKeys.askAt) {
    memory.debugKeys = { ...memory.debugKeys, askAt: now() + ASK_EVERY_MS };
    const keys = await within(outside.debugKeys(), STATE_TIMEOUT_MS).catch(() => undefined);
    if (keys) memory.debugKeys = { ...memory.debugKeys, keys };
    verified = await verify(token, memory.debugKeys.keys, EXPECTED, now());
  }
  return "claims" in verified ? String(verified.claims.sub) : undefined;
}
