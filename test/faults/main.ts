/**
 * `npm run faults [-- --only WORDS] [--seed S]`: every scenario once, over real processes and sockets. Exit code 1 on any violation.
 * `npm run soak [-- --minutes N]`: scenarios by chance for so long, an hour by default, and what each process holds.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seeded } from "../simulation/events.ts";
import { startFleet } from "./fleet.ts";
import { FULL_DISK, SCENARIOS, type Scenario, smallDisk } from "./scenarios.ts";
import { Run, type Verdict } from "./run.ts";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string" },
    soak: { type: "boolean", default: false },
    minutes: { type: "string", default: "60" },
  },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const minutes = Number(values.minutes);
if (!Number.isInteger(seed) || !(minutes > 0)) {
  console.error("--seed is a whole number, --minutes a number above 0");
  process.exit(2);
}
console.log(`seed ${seed}`);
process.exit((await (values.soak ? soak(minutes, seed) : faults(values.only))) ? 0 : 1);

async function faults(only: string): Promise<boolean> {
  const wanted = SCENARIOS.filter(({ name }) => name.includes(only));
  const well = await over(tmpdir(), wanted);
  if (!FULL_DISK.name.includes(only)) return well;
  const disk = await mkdtemp(join(tmpdir(), "selvedge-disk-"));
  const unmount = smallDisk(disk, 24);
  if (!unmount) console.log(`not run: ${FULL_DISK.name}, for want of the right to mount a file system`);
  try {
    return unmount ? (await over(disk, [FULL_DISK])) && well : well;
  } finally {
    unmount?.();
    await rm(disk, { recursive: true, force: true });
  }
}

async function over(folder: string, scenarios: readonly Scenario[]): Promise<boolean> {
  if (scenarios.length === 0) return true;
  const fleet = await startFleet(folder);
  try {
    const run = await Run.on(fleet, seeded(seed));
    let well = true;
    for (const scenario of scenarios) well = tell(await run.judge(scenario)) && well;
    const left = await run.end();
    for (const violation of left) console.log(`  ${violation}`);
    return well && left.length === 0;
  } finally {
    await fleet.close();
  }
}

function tell({ name, requests, wellAfterMs, violations }: Verdict): boolean {
  const verdict = violations.length === 0 ? "held" : "BROKEN";
  console.log(`${verdict}  ${name}: ${requests} requests, well again after ${(wellAfterMs / 1000).toFixed(1)} s`);
  for (const violation of violations) console.log(`  ${violation}`);
  return violations.length === 0;
}
