import { describe, expect, it } from "vitest";
import { draw, type Fault, isMeant } from "../../../mesh/policies/fault.ts";
import type { Policy } from "../../../mesh/snapshot.ts";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { fault } from "../../../workers/edge-proxy/layers/fault.ts";
import { faultBudget } from "../../../workers/edge-proxy/layers/fault-budget.ts";
import { newMemory } from "../../../workers/edge-proxy/memory.ts";
import { callWith } from "./call.ts";

const UNTIL = 10_000;
const faultWith = (more: Partial<Fault>): Extract<Policy, { kind: "fault" }> => ({
  kind: "fault",
  until: UNTIL,
  headers: [],
  ...more,
});
const answering: Handler = async () => new Response("a whole answer");

describe("a fault is meant for a call", () => {
  const header = (name: string) => (name === "x-test" ? "1" : null);
  it.each<[string, Partial<Fault>, string | undefined, number, boolean]>([
    ["of anyone", {}, undefined, 0, true],
    ["until it expires", {}, undefined, UNTIL - 1, true],
    ["no longer", {}, undefined, UNTIL, false],
    ["with its header", { headers: [{ name: "x-test", value: "1" }] }, undefined, 0, true],
    ["not with another value", { headers: [{ name: "x-test", value: "2" }] }, undefined, 0, false],
    ["of its caller", { callers: ["spiffe://m/ns/a/sa/b"] }, "spiffe://m/ns/a/sa/b", 0, true],
    ["not of another", { callers: ["spiffe://m/ns/a/sa/b"] }, "spiffe://m/ns/a/sa/c", 0, false],
    ["not of one who is not proven", { callers: ["spiffe://m/ns/a/sa/b"] }, undefined, 0, false],
  ])("%s", (_, more, caller, now, expected) => {
    expect(isMeant(faultWith(more), header, caller, now)).toBe(expected);
  });

  it("by the share of each kind", () => {
    const both = faultWith({ delay: { share: 0.5, ms: 1 }, abort: { share: 0.25, status: 500 } });
    expect([0, 0.3, 0.6].map((random) => draw(both, () => random))).toEqual([["delay", "abort"], ["delay"], []]);
  });
});

describe("a call meets", () => {
  /** What the caller gets, with the body as far as it comes. */
  async function met(more: Partial<Fault>, faulty = true) {
    const call = callWith({ random: () => 0, now: () => 0 });
    call.faulty = faulty;
    const began = performance.now();
    const outcome = await fault(faultWith(more))(answering)(call).then(
      async (response) => {
        const body = await response.text().catch((error: Error) => error.message);
        return [response.status, body];
      },
      (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
    );
    const headers = new Headers();
    call.onAnswer?.(headers);
    return { outcome, said: headers.get("selvedge-fault"), ms: performance.now() - began };
  }

  it.each<[string, Partial<Fault>, unknown, string]>([
    ["a status", { abort: { share: 1, status: 503 } }, [503, ""], "abort"],
    ["a connection that broke", { reset: { share: 1 } }, "upstream-unreachable", "reset"],
    ["a body that breaks off", { truncate: { share: 1, afterBytes: 3 } }, [200, "cut off on purpose"], "truncate"],
    ["a wait", { delay: { share: 1, ms: 30 } }, [200, "a whole answer"], "delay"],
    ["a slow body", { bandwidth: { share: 1, bytesPerSecond: 280 } }, [200, "a whole answer"], "bandwidth"],
  ])("%s, and its answer says so", async (_, more, outcome, said) => {
    const result = await met(more);
    expect([result.outcome, result.said]).toEqual([outcome, said]);
    // 14 bytes at 280 a second are 50 ms.
    expect(result.ms).toBeGreaterThanOrEqual(said === "delay" || said === "bandwidth" ? 25 : 0);
  });

  it("nothing when the error budget is spent", async () => {
    expect(await met({ abort: { share: 1, status: 503 } }, false)).toMatchObject({
      outcome: [200, "a whole answer"],
      said: null,
    });
  });
});

describe("an error budget", () => {
  const policy: Extract<Policy, { kind: "fault-budget" }> = {
    kind: "fault-budget",
    circuit: "faults of a/b until 2026",
    failures: 3,
    failureRatio: 0.1,
    windowMs: 60_000,
    openMs: 1e11,
    maxOpenMs: 1e11,
    probes: 1,
  };

  it("ends the faults in this isolate once it is spent, and tells the fleet of the failures", async () => {
    const memory = newMemory("i1");
    const told: number[] = [];
    const object = {
      report: async ({ failed }: { failed: number }) => {
        told.push(failed);
        return { kind: "closed", version: 1, epoch: 3 } as const;
      },
      probe: () => Promise.reject(new Error("nobody probes it")),
    };
    const layers = faultBudget(policy);
    const faulty: boolean[] = [];
    const laterWork: Promise<unknown>[][] = [];
    for (let time = 0; time < 5; time++) {
      const call = callWith({ breaker: () => object }, { memory });
      const response = await layers(async ({ faulty: one }) => {
        faulty.push(one);
        return new Response(null, { status: one ? 500 : 200 });
      })(call);
      expect(response.status).toBe(faulty.at(-1) ? 500 : 200);
      laterWork.push(call.laterWork);
    }
    await Promise.all(laterWork.flat());
    expect(faulty).toEqual([true, true, true, false, false]);
    expect(told[0]).toBe(1);
  });

  it("is ended by what the fleet has seen", async () => {
    const memory = newMemory("i2");
    const object = {
      report: async () => ({ kind: "open", forMs: 1e11, trips: 1, version: 2, epoch: 3 }) as const,
      probe: () => Promise.reject(new Error("nobody probes it")),
    };
    const run = async () => {
      const call = callWith({ breaker: () => object }, { memory });
      let seen = false;
      await faultBudget(policy)(async ({ faulty }) => {
        seen = faulty;
        return new Response(null, { status: 500 });
      })(call);
      await Promise.all(call.laterWork);
      return seen;
    };
    expect([await run(), await run()]).toEqual([true, false]);
  });

  it.each([
    ["open", false],
    ["closed", true],
  ] as const)("held %s by an operator leaves faults %s, whatever was seen", async (to, expected) => {
    const memory = newMemory("i3");
    memory.forced = new Map([[policy.circuit, { to, until: Date.now() + 60_000 }]]);
    for (let time = 0; time < 5; time++) {
      const call = callWith({}, { memory });
      await faultBudget(policy)(async () => new Response(null, { status: 500 }))(call);
      expect(call.faulty).toBe(expected);
    }
  });
});
