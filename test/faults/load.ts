/**
 * `npm run load`: what becomes of an edge that is asked for two and for ten times as much as it can serve. What it can serve is what it does
 * at its best with as many clients as it takes at once; the services take their time, so that the machine is not what is measured.
 */
import { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { ask } from "../support/http.ts";
import { testMesh } from "../support/mesh.ts";
import { upstream } from "../support/upstream.ts";

const MAX_IN_FLIGHT = 50;
const WORK_MS = 250;
const SPAN_MS = 5000;
/** Of its best, what it must still serve; and by when it must serve all again. */
const LEAST = 0.8;
const WELL_WITHIN_MS = 5000;

type Span = { readonly served: number; readonly shed: number; readonly other: string[] };

const mesh = await testMesh([{ maxInFlight: MAX_IN_FLIGHT }]);
const service = await upstream("slow", (_request, response) => void setTimeout(() => response.end("well"), WORK_MS));
const forgetting = setInterval(() => (service.received.length = 0), 1000);
const agent = new Agent({ keepAlive: true });
let well = true;
try {
  await mesh.control.applied(`
apiVersion: mesh.selvedge.dev/v1alpha1
kind: Backend
metadata: { name: slow, namespace: shop }
spec: { endpoints: [{ url: "${service.url}" }] }`);
  const best = await closedLoop(MAX_IN_FLIGHT - 5);
  console.log(`at its best: ${best.toFixed(0)} requests/s by ${MAX_IN_FLIGHT - 5} clients`);
  for (const times of [2, 10]) {
    const { served, shed, other } = await openLoop(best * times);
    const wellAfterMs = await untilWell();
    const share = served / (SPAN_MS / 1000) / best;
    const holds = share >= LEAST && other.length === 0 && wellAfterMs <= WELL_WITHIN_MS;
    console.log(
      `${holds ? "held" : "BROKEN"}  at ${times} times as much: ${(share * 100).toFixed(0)} % of its best served, ` +
        `${shed} shed with 503 overloaded, ${other.length} of anything else, well again after ${(wellAfterMs / 1000).toFixed(1)} s`,
    );
    for (const one of new Set(other)) console.log(`  ${one}`);
    well &&= holds;
  }
} finally {
  clearInterval(forgetting);
  agent.destroy();
  await mesh.close();
  await service.close();
}
process.exit(well ? 0 : 1);

async function once(): Promise<string> {
  try {
    const { status, headers } = await ask({ port: mesh.edge, path: "/~slow.shop/", agent });
    return status === 200 ? "200" : `${status} ${String(headers["selvedge-cause"])}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Requests a second that were served to so many clients, each with one request after the other. */
async function closedLoop(clients: number): Promise<number> {
  const until = Date.now() + SPAN_MS;
  let served = 0;
  const client = async (): Promise<void> => {
    while (Date.now() < until) if ((await once()) === "200") served++;
  };
  await Promise.all(Array.from({ length: clients }, client));
  return served / (SPAN_MS / 1000);
}

/** So many requests a second, each due whether or not those before it were answered. */
async function openLoop(perSecond: number): Promise<Span> {
  const began = performance.now();
  const asking: Promise<string>[] = [];
  while (performance.now() - began < SPAN_MS) {
    const due = ((performance.now() - began) / 1000) * perSecond;
    while (asking.length < due) asking.push(once());
    await pause(5);
  }
  const answers = await Promise.all(asking);
  return {
    served: answers.filter((one) => one === "200").length,
    shed: answers.filter((one) => one === "503 overloaded").length,
    other: answers.filter((one) => one !== "200" && one !== "503 overloaded"),
  };
}

/** Until as many as it takes at once are all served. */
async function untilWell(): Promise<number> {
  const began = Date.now();
  for (;;) {
    const answers = await Promise.all(Array.from({ length: MAX_IN_FLIGHT / 2 }, once));
    if (answers.every((one) => one === "200") || Date.now() - began > 2 * WELL_WITHIN_MS) return Date.now() - began;
    await pause(100);
  }
}
