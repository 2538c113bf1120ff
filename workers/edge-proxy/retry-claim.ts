/** What a hop tells of its tries: which one this is, and how many retries a call may still cost. With a mesh key it is signed, and what is not signed is not heard. */
import { TRAVELLING_HEADERS } from "../../mesh/headers.ts";
import { isFresh, minuteOf, parseClaim, signedPart } from "../../mesh/policies/retry-tree.ts";
import type { Call, Outside } from "./layer.ts";
import { remember } from "./memory.ts";

/**
 * What the caller's hop passed on; undefined when it said nothing that counts. Without a key anyone is believed: no claim says more than
 * leaving it out would give.
 */
export async function claimOf({ request, outside }: Call): Promise<number | undefined> {
  const text = request.headers.get(TRAVELLING_HEADERS.retries);
  const claim = text === null ? undefined : parseClaim(text);
  if (!claim) return undefined;
  const { meshKey, now } = outside;
  const { retries, minute, signature } = claim;
  if (meshKey === "") return retries;
  if (minute === undefined || !isFresh(minute, now())) return undefined;
  const key = await keyOf(meshKey);
  const valid = await crypto.subtle.verify(
    "HMAC",
    key,
    fromBase64Url(signature),
    encoder.encode(signedPart(retries, minute)),
  );
  return valid ? retries : undefined;
}

/** Tells the next hop. There are few different claims a minute, and each is signed once an isolate. */
export async function passOn(call: Call, retries: number): Promise<void> {
  const { headers, outside } = call;
  call.passedOn = retries;
  headers.set(TRAVELLING_HEADERS.retries, outside.meshKey === "" ? String(retries) : await signed(retries, outside));
}

/** Tells the upstream which try of this hop it has, in Envoy's header, whatever the caller's own said. */
export function countTry({ headers, attempts }: Call): void {
  headers.set("x-envoy-attempt-count", String(attempts));
}

async function signed(retries: number, { meshKey, memory: { claims }, now }: Outside): Promise<string> {
  const part = signedPart(retries, minuteOf(now()));
  const known = claims.get(part);
  if (known !== undefined) return known;
  const signature = await crypto.subtle.sign("HMAC", await keyOf(meshKey), encoder.encode(part));
  return remember(claims, part, `${part}.${toBase64Url(new Uint8Array(signature))}`);
}

/** The purpose is part of the key: what is signed for this is good for nothing else that the same key may sign. */
const keyOf = (meshKey: string): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", encoder.encode(`retries ${meshKey}`), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);

const encoder = new TextEncoder();

const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const fromBase64Url = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
