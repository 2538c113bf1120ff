/** Scenarios by chance for hours, and whether what the processes hold grows. */
import { readdir, readFile } from "node:fs/promises";
import { seeded } from "../simulation/events.ts";
import { type Fleet, PARTS, type PartName, startFleet } from "./fleet.ts";
import { Run } from "./run.ts";
import { SCENARIOS } from "./scenarios.ts";

/** What the processes of a part hold together. */
type Held = { readonly at: number; readonly life: number; readonly megabytes: number; readonly handles: number };

/** What a process takes up until it has done everything once is none of a leak. */
const WARM_UP = 0.25;
/** What a flood takes, V8 gives back minutes later, and a minute may have floods in its second half alone: of shorter lives it is told and not judged. */
const JUDGED_FROM_MS = 10 * 60_000;
/** What may come and go. */
const MEGABYTES = 60;
const HANDLES = 60;
const SAMPLE_EVERY_MS = 5000;

/** True where every invariant held and nothing grew. */
export async function soak(minutes: number, seed: number): Promise<boolean> {
  const fleet = await startFleet();
  const random = seeded(seed);
  const samples = new Map<PartName, Held[]>(PARTS.map((part) => [part, []]));
  const until = Date.now() + minutes * 60_000;
  let well = true;
  const sampling = setInterval(() => void sample(fleet, samples), SAMPLE_EVERY_MS);
  try {
    const run = await Run.on(fleet, random);
    let requests = 0;
    while (Date.now() < until) {
      const verdict = await run.judge(SCENARIOS[Math.floor(random() * SCENARIOS.length)]!);
      requests += verdict.requests;
      for (const violation of verdict.violations) console.log(`${verdict.name}: ${violation}`);
      well &&= verdict.violations.length === 0;
    }
    const left = await run.end();
    for (const violation of left) console.log(violation);
    console.log(`${requests} requests in ${minutes} minutes`);
    return growth(samples) && well && left.length === 0;
  } finally {
    clearInterval(sampling);
    await fleet.close();
  }
}

async function sample(fleet: Fleet, samples: ReadonlyMap<PartName, Held[]>): Promise<void> {
  for (const [name, { child }] of fleet.parts) {
    const held = await heldBy(child.pid!).catch(() => undefined);
    if (held) samples.get(name)!.push({ at: Date.now(), life: child.pid!, ...held });
  }
}

/** workerd, which is a child of the process that started it. */
async function heldBy(parent: number): Promise<Pick<Held, "megabytes" | "handles">> {
  let [megabytes, handles] = [0, 0];
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, "utf8");
  for (const pid of children.split(" ").filter(Boolean)) {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    megabytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
    handles += (await readdir(`/proc/${pid}/fd`)).length;
  }
  return { megabytes, handles };
}

/** Of each process that lived long enough to tell: the least that it held early and late. */
function growth(samples: ReadonlyMap<PartName, readonly Held[]>): boolean {
  let flat = true;
  for (const [part, all] of samples) {
    const lives = Map.groupBy(all, ({ life }) => life);
    const longest = [...lives.values()].toSorted((a, b) => b.length - a.length)[0] ?? [];
    const warm = longest.slice(Math.floor(longest.length * WARM_UP));
    if (warm.length < 6) {
      console.log(`${part}: no process lived long enough to tell`);
      continue;
    }
    const half = Math.floor(warm.length / 2);
    const least = (of: "megabytes" | "handles", from: number, to: number): number =>
      Math.min(...warm.slice(from, to).map((one) => one[of]));
    const grown = (of: "megabytes" | "handles"): number => least(of, half, warm.length) - least(of, 0, half);
    const [memory, handles] = [grown("megabytes"), grown("handles")];
    const livedMs = warm.at(-1)!.at - longest[0]!.at;
    console.log(
      `${part}: ${least("megabytes", half, warm.length).toFixed(0)} MB (${memory.toFixed(0)} more than before), ` +
        `${least("handles", half, warm.length)} handles (${handles} more), over ${(livedMs / 1000).toFixed(0)} s of one process`,
    );
    if (livedMs >= JUDGED_FROM_MS && (memory > MEGABYTES || handles > HANDLES)) flat = false;
  }
  if (!flat) console.log("what a process holds has grown");
  return flat;
}
