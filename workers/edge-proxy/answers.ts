/** Kept answers in the Cache API, where the isolates of a data centre find each other's. Where there is none, nothing is found. */
import type { Entry } from "../../mesh/policies/stale-serve.ts";
import { sha256 } from "./stores.ts";
import { within } from "./within.ts";

export type AnswerStore = {
  readonly get: (key: string) => Promise<Entry | undefined>;
  /** For `keepMs` milliseconds. */
  readonly put: (key: string, entry: Entry, keepMs: number) => Promise<void>;
  readonly forget: (key: string) => Promise<void>;
};

/** For one look-up: whoever waits for it has been waiting for an upstream already. */
const LOOK_MS = 250;

const urlOf = async (key: string): Promise<string> =>
  `https://answers.selvedge.internal/${await sha256(new TextEncoder().encode(key))}`;

export const answers: AnswerStore = {
  get: async (key) => {
    try {
      return await within(found(key), LOOK_MS);
    } catch {
      return undefined;
    }
  },
  put: async (key, entry, keepMs) => {
    const headers = { "cache-control": `max-age=${Math.ceil(keepMs / 1000)}` };
    try {
      await caches.default.put(await urlOf(key), new Response(packed(entry), { headers }));
    } catch {
      // The isolate has it.
    }
  },
  forget: async (key) => {
    try {
      await caches.default.delete(await urlOf(key));
    } catch {
      // Nothing is kept where nothing can be.
    }
  },
};

async function found(key: string): Promise<Entry | undefined> {
  const response = await caches.default.match(await urlOf(key));
  return response && unpacked(new Uint8Array(await response.arrayBuffer()));
}

const NEWLINE = 10;
const NOTHING = new Uint8Array();

/** A line of JSON, and the body as it is. */
function packed(entry: Entry): Uint8Array<ArrayBuffer> {
  const { body, ...about } = entry.kind === "answer" ? entry : { ...entry, body: NOTHING };
  const line = new TextEncoder().encode(`${JSON.stringify(about)}\n`);
  const whole = new Uint8Array(line.length + body.length);
  whole.set(line);
  whole.set(body, line.length);
  return whole;
}

function unpacked(whole: Uint8Array<ArrayBuffer>): Entry {
  const end = whole.indexOf(NEWLINE);
  const about = JSON.parse(new TextDecoder().decode(whole.subarray(0, end))) as Entry;
  return about.kind === "varies" ? about : { ...about, body: whole.slice(end + 1) };
}
