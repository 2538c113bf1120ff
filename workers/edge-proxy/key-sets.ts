/**
 * Public keys of token issuers that publish them under a URL. Only URLs of the snapshot are ever fetched, no redirect is followed,
 * and what an issuer sends has a limit. Keys are kept for minutes, and for a day if their issuer cannot be reached.
 */
import { isRecord } from "../../mesh/canonical.ts";
import type { Jwk, KeySet } from "../../mesh/key-set.ts";
import { reservedFor } from "../../mesh/egress.ts";
import type { Outside } from "./layer.ts";
import { type FetchedKeys, remember } from "./memory.ts";
import { within } from "./within.ts";

const FRESH_MS = 5 * 60_000;
const USABLE_MS = 24 * 60 * 60_000;
/** An issuer is asked no oftener, however many tokens name keys that it has not got. */
const MIN_INTERVAL_MS = 10_000;
const FETCH_MS = 3000;
const LARGEST_BYTES = 256 * 1024;
/** How often a request that waits for another's fetch looks for what it brought; promises are not shared. */
const LOOK_EVERY_MS = 10;

const NONE: FetchedKeys = { jwks: undefined, fetchedAt: 0, triedAt: 0, fetchingUntil: 0 };

/** The issuer's keys; undefined where they cannot be had. Waits only while there are none that may be used. */
export async function keySet(url: string, outside: Outside): Promise<KeySet | undefined> {
  const { jwks, fetchedAt } = outside.memory.keySets.get(url) ?? NONE;
  const age = outside.now() - fetchedAt;
  if (jwks && age < FRESH_MS) return jwks;
  if (!jwks || age >= USABLE_MS) return fetched(url, outside);
  if (isDue(url, outside)) outside.later(fetchKeys(url, outside));
  return jwks;
}

/** The issuer's keys, asked for anew since a token names one that is not among them. */
export async function newerKeySet(url: string, outside: Outside): Promise<KeySet | undefined> {
  return fetched(url, outside);
}

/** When a caller should try again whose token could not be checked, in milliseconds. */
export const RETRY_KEYS_MS = MIN_INTERVAL_MS;

function isDue(url: string, { memory, now }: Outside): boolean {
  const { triedAt, fetchingUntil } = memory.keySets.get(url) ?? NONE;
  return now() - triedAt >= MIN_INTERVAL_MS && now() >= fetchingUntil;
}

async function fetched(url: string, outside: Outside): Promise<KeySet | undefined> {
  const { memory, later, now } = outside;
  if (isDue(url, outside)) {
    const fetching = fetchKeys(url, outside);
    // It goes on if this request is cut off: others wait for what it brings.
    later(fetching);
    await fetching;
  }
  while (now() < (memory.keySets.get(url) ?? NONE).fetchingUntil)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  const { jwks, fetchedAt } = memory.keySets.get(url) ?? NONE;
  return now() - fetchedAt < USABLE_MS ? jwks : undefined;
}

/** Never fails: what was known stays known. */
async function fetchKeys(url: string, { allowReserved, fetch, memory, now }: Outside): Promise<void> {
  const known = memory.keySets.get(url) ?? NONE;
  remember(memory.keySets, url, { ...known, triedAt: now(), fetchingUntil: now() + FETCH_MS });
  const asking = async (): Promise<KeySet> => {
    if (!allowReserved && reservedFor(new URL(url).hostname)) throw new Error("its address is reserved");
    const headers = { accept: "application/jwk-set+json, application/json" };
    const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(FETCH_MS) });
    if (response.status !== 200) throw new Error(`it answered ${response.status}`);
    return parsed(await textOf(response));
  };
  try {
    const jwks = await within(asking(), FETCH_MS);
    remember(memory.keySets, url, { jwks, fetchedAt: now(), triedAt: now(), fetchingUntil: 0 });
  } catch (error) {
    console.warn(`keys of ${url} cannot be had: ${String(error)}`);
    remember(memory.keySets, url, { ...known, triedAt: now(), fetchingUntil: 0 });
  }
}

async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > LARGEST_BYTES) throw new Error(`longer than ${LARGEST_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parsed(text: string): KeySet {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || !Array.isArray(value.keys)) throw new Error("it is no key set");
  return { keys: value.keys.filter(isRecord) as Jwk[] };
}
