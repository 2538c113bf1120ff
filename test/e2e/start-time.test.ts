import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freeBase } from "../support/ports.ts";
import { start } from "../support/start.ts";

test("npm start is ready within five seconds", async () => {
  const took: number[] = [];
  // The best of three, since other processes can only make a start slower.
  while (took.length < 3 && !took.some((seconds) => seconds <= 5)) {
    const home = await mkdtemp(join(tmpdir(), "selvedge-start-time-"));
    const started = start("--no-traffic", "--port", String(await freeBase()), "--dir", join(home, ".selvedge"));
    await started.says("Ctrl-C stops everything.");
    took.push(Number(/ready after ([\d.]+) s/.exec(started.output())?.[1]));
    started.signal("SIGTERM");
    await started.ended;
    await rm(home, { recursive: true, force: true });
  }
  expect(Math.min(...took)).toBeLessThanOrEqual(5);
});
