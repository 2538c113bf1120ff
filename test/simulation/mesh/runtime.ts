/** The globals of a Worker, as the world has them. Code outside of every process keeps those of Node. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { World } from "./world.ts";

type Globals = {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly cache: () => Cache;
};

/** Replaces the globals for as long as the process of Node lives; `world` says which one is simulated at the moment. */
export function installGlobals(world: () => World, { fetch, cache }: Globals): void {
  const node = {
    now: Date.now,
    random: Math.random,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
  };
  const inside = (): boolean => world().task !== undefined;
  Date.now = () => world().task?.process.wall ?? node.now();
  Math.random = () => (world().task?.process.random ?? node.random)();
  Object.assign(globalThis, {
    setTimeout: (code: () => void, ms?: number) =>
      inside() ? world().timer(ms ?? 0, code) : node.setTimeout(code, ms),
    clearTimeout: (timer: unknown) => {
      if (typeof timer === "number") world().cancel(timer);
      else node.clearTimeout(timer as NodeJS.Timeout);
    },
    scheduler: { wait: (ms: number) => new Promise<void>((resolve) => void world().timer(ms, resolve)) },
    IdentityTransformStream: TransformStream,
    fetch,
    caches: {
      get default() {
        return cache();
      },
    },
  });
  AbortSignal.any = eitherOf;
  // Those of Node answer from other threads, whenever that may be.
  const { subtle } = crypto;
  Object.defineProperty(crypto, "subtle", { value: Object.assign(Object.create(subtle) as SubtleCrypto, quickSubtle) });
  Object.defineProperty(crypto, "randomUUID", { value: () => uuid(Math.random) });
  Object.defineProperty(crypto, "getRandomValues", {
    value: (bytes: Uint8Array) => bytes.map(() => Math.floor(Math.random() * 256)),
  });
  for (const level of ["log", "warn", "error"] as const)
    console[level] = (
      (write) =>
      (...said: unknown[]) => {
        const { task } = world();
        if (task) world().say(`${task.process.name} says ${level}: ${said.map(String).join(" ")}`);
        else write(...said);
      }
    )(console[level]);
}

/** Node's own is kept for as long as somebody listens and nothing has come: for ever, where a world has ended. */
function eitherOf(signals: Iterable<AbortSignal>): AbortSignal {
  const either = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) either.abort(signal.reason);
    else signal.addEventListener("abort", () => either.abort(signal.reason), { once: true });
  }
  return either.signal;
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const algorithm = (name: string | { readonly name: string }): string =>
  (typeof name === "string" ? name : name.name).replace("-", "").toLowerCase();
const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
  data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const bufferOf = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;

/** What the mesh uses of it: digests, and HMAC with SHA-256. */
const quickSubtle = {
  digest: async (name: string | { readonly name: string }, data: ArrayBuffer) =>
    bufferOf(createHash(algorithm(name)).update(bytesOf(data)).digest()),
  importKey: async (_format: "raw", bytes: ArrayBuffer) => ({ bytes: bytesOf(bytes) }),
  sign: async (_name: "HMAC", { bytes }: { readonly bytes: Uint8Array }, data: ArrayBuffer) =>
    bufferOf(createHmac("sha256", bytes).update(bytesOf(data)).digest()),
  verify: async (_name: "HMAC", { bytes }: { readonly bytes: Uint8Array }, signature: ArrayBuffer, data: ArrayBuffer) =>
    Buffer.compare(createHmac("sha256", bytes).update(bytesOf(data)).digest(), bytesOf(signature)) === 0,
  timingSafeEqual: (a: ArrayBuffer, b: ArrayBuffer) => timingSafeEqual(bytesOf(a), bytesOf(b)),
};
