/** A process that simulates what it is told to, and says what it found. */
import { createHash } from "node:crypto";
import { installHooks } from "./hooks.ts";
import type { Done, Found, Job } from "./main.ts";
import type { Scenario } from "./scenario.ts";

process.once("message", (job) => void work(job as Job));

async function work({ from, to, stormMs, mutation, first }: Job): Promise<void> {
  installHooks(mutation);
  const [{ simulate }, { scenarioOf }] = await Promise.all([import("./simulate.ts"), import("./scenario.ts")]);
  const fails = async (scenario: Scenario): Promise<boolean> => (await simulate(scenario)).violations.length > 0;
  const found: Found[] = [];
  const digests: [number, string][] = [];
  let [runs, requests, messages] = [0, 0, 0];
  for (let seed = from; seed < to && !(first && found.length > 0); seed++) {
    const scenario = scenarioOf(seed, stormMs);
    const run = await simulate(scenario);
    digests.push([seed, createHash("sha256").update(run.log.join("\n")).digest("hex")]);
    runs++;
    requests += run.requests;
    messages += run.messages;
    if (run.violations.length === 0) continue;
    const shortest = first ? scenario : await shortened(scenario, fails);
    const plan = shortest.plan.map(({ at, fault }) => `${at.toFixed(0)} ${JSON.stringify(fault)}`).join(", ");
    found.push({ seed, violations: run.violations.slice(0, 5), plan });
  }
  process.send!({ runs, requests, messages, found, digests } satisfies Done, () => process.exit(0));
}

/** Without every fault that can be left out one by one. Traffic and chance are the same whatever is left out. */
async function shortened(scenario: Scenario, fails: (scenario: Scenario) => Promise<boolean>): Promise<Scenario> {
  let shortest = scenario;
  for (const planned of scenario.plan) {
    const without = { ...shortest, plan: shortest.plan.filter((one) => one !== planned) };
    if (await fails(without)) shortest = without;
  }
  return shortest;
}
