/** Keeps answers and finds them again: on the isolate's own shelf first, then in the data centre's store. */
import { put, remove } from "../../mesh/policies/shelf.ts";
import {
  type Asked,
  type Entry,
  isNews,
  type Kept,
  lifeLeft,
  type StaleServe,
  type Terms,
  termsOf,
  type Usable,
  usable,
  variantKey,
  variedBy,
} from "../../mesh/policies/stale-serve.ts";
import type { Landed } from "../../mesh/policies/flight.ts";
import { keptHeaders } from "./kept-headers.ts";
import type { Call } from "./layer.ts";
import { readUpTo } from "./read-up-to.ts";

export type Found = { readonly kept: Kept; readonly usable: Usable };

/** Below `key`, for this request, on the shelf. */
export function onShelf({ headers, outside: { memory } }: Call, key: string): Kept | undefined {
  const { entries } = memory.shelf;
  const entry = entries.get(key);
  if (entry?.kind !== "varies") return entry;
  const variant = entries.get(variantKey(key, entry, (name) => headers.get(name)));
  return variant?.kind === "answer" ? variant : undefined;
}

async function inStore({ headers, outside: { answers } }: Call, key: string): Promise<Kept | undefined> {
  const entry = await answers.get(key);
  if (entry?.kind !== "varies") return entry;
  const variant = await answers.get(variantKey(key, entry, (name) => headers.get(name)));
  return variant?.kind === "answer" ? variant : undefined;
}

/** What may be given to whoever asks so, though the upstream has failed. */
export async function find(call: Call, key: string, asked: Asked): Promise<Found | undefined> {
  return foundOnShelf(call, key, asked) ?? judged(await inStore(call, key), call, asked);
}

export const foundOnShelf = (call: Call, key: string, asked: Asked): Found | undefined =>
  judged(onShelf(call, key), call, asked);

function judged(kept: Kept | undefined, { outside }: Call, asked: Asked): Found | undefined {
  const use = kept && usable(kept, asked, outside.now());
  return use && { kept, usable: use };
}

export function forget({ outside: { answers, later, memory } }: Call, key: string): void {
  remove(memory.shelf, key);
  later(answers.forget(key));
}

/** What is to be kept, and under what. */
type Keeping = {
  readonly call: Call;
  readonly policy: StaleServe;
  readonly key: string;
  readonly asked: Asked;
  /** Somebody waits for what becomes of it: the answer is kept even if the one before would do. */
  readonly landed: ((how: Landed) => void) | undefined;
};

/** The response as it is to be passed on; if it may be kept, its body is read once more beside that. */
export function keep(keeping: Keeping, response: Response): Response {
  const { call, policy, key, asked, landed } = keeping;
  const header = (name: string) => response.headers.get(name);
  const terms = termsOf(policy, asked, { status: response.status, header }, call.outside.now());
  const length = header("content-length");
  if (!terms || Number(length ?? 0) > policy.maxBytes || header("content-type")?.startsWith("text/event-stream")) {
    landed?.({ kind: "alone" });
    return response;
  }
  const before = onShelf(call, key);
  if (before && !landed && !isNews(before, terms)) return response;
  const [passed, copy] = response.body?.tee() ?? [null, null];
  call.outside.later(shelve(keeping, response, terms, copy));
  return passed ? new Response(passed, response) : response;
}

/** Never fails. */
async function shelve(keeping: Keeping, response: Response, terms: Terms, copy: ReadableStream | null): Promise<void> {
  const { call, policy, key, landed } = keeping;
  const { answers, memory } = call.outside;
  const headers = headersOf(response);
  const body = await wholeOf(copy, response, policy.maxBytes).catch(() => undefined);
  if (!body || !headers) return landed?.({ kind: "alone" });
  const kept: Kept = { kind: "answer", ...terms, status: response.status, headers, body };
  const keepMs = lifeLeft(terms, call.outside.now());
  const by = variedBy(response.headers.get("vary")) ?? []; // termsOf saw that it can be read
  let under = key;
  if (by.length > 0) {
    const choice = choiceOf(memory.shelf.entries.get(key), by) ?? choiceOf(await answers.get(key), by);
    const entry: Entry = choice ?? { kind: "varies", by, id: `${memory.id}.${++memory.seq}` };
    under = variantKey(key, entry, (name) => call.headers.get(name));
    put(memory.shelf, key, entry);
    await answers.put(key, entry, keepMs);
  }
  put(memory.shelf, under, kept);
  landed?.({ kind: "kept" });
  await answers.put(under, kept, keepMs);
}

const choiceOf = (entry: Entry | undefined, by: readonly string[]) =>
  entry?.kind === "varies" && entry.by.join() === by.join() ? entry : undefined;

/** Undefined when it is longer than it may be, or came to an end too soon. */
async function wholeOf(
  copy: ReadableStream | null,
  { headers }: Response,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!copy) return new Uint8Array();
  const { bytes, rest } = await readUpTo(copy, most);
  if (rest) {
    await rest.cancel();
    return undefined;
  }
  const length = headers.get("content-length");
  const isWhole = length === null || headers.has("content-encoding") || bytes.length === Number(length);
  return isWhole ? (bytes as Uint8Array<ArrayBuffer>) : undefined;
}

/** Without what is said anew, or is no longer so once the body is decoded. */
function headersOf({ headers: from }: Response): Kept["headers"] | undefined {
  const headers = new Headers(from);
  headers.delete("age");
  const etag = headers.get("etag");
  if (headers.has("content-encoding") && etag?.startsWith('"')) headers.set("etag", `W/${etag}`);
  headers.delete("content-encoding");
  return keptHeaders(headers);
}
