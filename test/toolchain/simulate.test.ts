/** The simulator as a program: what it prints, and that its planted bugs are still bugs. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { mutated } from "../simulation/mesh/hooks.ts";
import { MUTATIONS } from "../simulation/mesh/mutations.ts";

const MAIN = fileURLToPath(new URL("../simulation/mesh/main.ts", import.meta.url));

function simulate(...args: string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => child.on("exit", (code) => resolve({ code, text })));
}

it("makes the same of a seed, byte for byte, whatever was simulated before in the same process", async () => {
  const [alone, among] = await Promise.all([
    simulate("--seed", "4", "--digests"),
    simulate("--seed", "1", "--seeds", "4", "--digests"),
  ]);
  const [digest] = /seed 4 [0-9a-f]{64}/.exec(alone.text) ?? [];
  expect(digest).toBeDefined();
  expect(among.text).toContain(digest);
}, 60_000);

it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))("can still be planted: %s", (_, mutation) => {
  expect(mutated(mutation)).not.toBe("");
});
