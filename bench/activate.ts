/**
 * A cold start on a snapshot, in a process that has done nothing else: `node --expose-gc bench/activate.ts FILE [HOSTS]`, FILE as
 * `v8.serialize` wrote a `Published`. Prints CPU milliseconds and bytes as JSON: of all shards, or of those that the first HOSTS hosts need,
 * with the milliseconds until the first request has its rule.
 */
import { readFileSync } from "node:fs";
import { deserialize } from "node:v8";
import { readManifest } from "../mesh/manifest.ts";
import { matcher, matchHost } from "../mesh/match.ts";
import { settle } from "../mesh/residence.ts";
import { adopt } from "../mesh/shard/read.ts";
import { requestOf, RULES } from "./routes.ts";

const [file = "", hosts] = process.argv.slice(2);
const stored = deserialize(readFileSync(file)) as { manifest: Uint8Array; shards: Map<string, Uint8Array> };
// As KV gives them: each in a buffer of its own. What is not loaded is not there.
const copy = (bytes: Uint8Array | undefined): Uint8Array => Uint8Array.from(bytes ?? []);

const held = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

const manifest = copy(stored.manifest);
const all = hosts === undefined ? [...stored.shards.values()].map(copy) : [];
const memoryBefore = held();
const before = process.cpuUsage();
const routes = matcher(readManifest(manifest));
all.forEach((bytes, number) => {
  routes.shards[number] = adopt(bytes);
});
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};
const activatedMs = cpuMs();
let matchedMs = activatedMs;

/** Every route of the hosts gets a request, so that what is made on first use is made. */
for (let n = 0; n < Number(hosts ?? 0) * RULES; n++) {
  const { host, path } = requestOf(n);
  const subject = { method: "GET", path, header: () => null, query: () => null };
  for (;;) {
    const match = matchHost(routes, 80, host, subject);
    if (!match) throw new Error(`no route for ${host}${path}`);
    if (!("missing" in match)) break;
    const name = routes.manifest.shards[match.missing]!; // a number of the manifest's
    settle(routes, match.missing, adopt(copy(stored.shards.get(name.hash))), 12 * 1024 * 1024);
  }
  if (n === 0) matchedMs = cpuMs();
}
const bytes = held() - memoryBefore + manifest.byteLength;
// Read once more, or it could be gone by then and be counted as won.
if (stored.shards.size === 0 || routes.manifest.shards.length === 0) throw new Error("the snapshot has no shards");
console.log(JSON.stringify({ activatedMs, matchedMs, bytes }));
