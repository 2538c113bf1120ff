/** `--wait`: not done until every edge that has traffic runs the epoch. */
import { setTimeout as sleep } from "node:timers/promises";
import { Option, type Command } from "commander";
import type { EdgesResponse, EdgeStatus, Pointer } from "../mesh/api.ts";
import { IDLE_AFTER_MS, muster } from "../mesh/fleet.ts";
import type { Control } from "./client.ts";
import { parseDuration } from "./duration.ts";
import { EXIT, Failure } from "./failure.ts";
import { count, printable, say } from "./terminal.ts";

/** Edges check in when they have traffic, so asking more often learns nothing. Milliseconds. */
const POLL = 250;

export const waitOptions = (command: Command): Command =>
  command
    .option("--wait", "return only when every edge with traffic runs the new epoch")
    .addOption(
      new Option("--timeout <duration>", "how long --wait waits").argParser(parseDuration).default(30_000, "30s"),
    );

/** Throws a Failure that lists the edges which have not followed when `timeoutMs` is over. */
export async function waitForEdges(control: Control, wanted: Pointer, timeoutMs: number): Promise<void> {
  const { epoch } = wanted;
  const deadline = performance.now() + timeoutMs;
  let told = false;
  for (;;) {
    const late = performance.now() >= deadline;
    const edges = await control.get<EdgesResponse>("/edges").then(
      // An idle edge learns nothing until its next request, and looks before it serves that one.
      (answer) => answer.edges.filter(({ ageMs }) => ageMs < IDLE_AFTER_MS),
      (error: unknown) => {
        // One poll may fail while control restarts; only the last one's failure is the command's.
        if (late) throw error;
      },
    );
    if (edges?.length === 0) {
      say(`no edge with traffic has reported in: epoch ${epoch} is published, and no edge has confirmed it`);
      return;
    }
    if (edges) {
      // A refusal is not final: the edge looks again when KV shows it other bytes.
      const { synced } = muster(edges, wanted);
      if (synced.length === edges.length) {
        say(
          edges.length === 1
            ? `the one edge that reported in runs epoch ${epoch}`
            : `all ${edges.length} edges that reported in run epoch ${epoch}`,
        );
        return;
      }
      if (late) throw notFollowed(edges, wanted, timeoutMs);
      if (!told)
        say(`waiting for ${edges.length - synced.length} of ${count(edges.length, "edge")} to run epoch ${epoch}`);
      told = true;
    }
    await sleep(Math.max(0, Math.min(POLL, deadline - performance.now())));
  }
}

function notFollowed(edges: readonly EdgeStatus[], wanted: Pointer, timeoutMs: number): Failure {
  const { stale, refused } = muster(edges, wanted);
  const lines = [
    ...stale.map((edge) => `${titleOf(edge)} has not followed (at ${edge.epoch})`),
    ...refused.map(
      (edge) => `${titleOf(edge)} refused epoch ${edge.nack?.epoch}: ${edge.nack?.reason} (stays at ${edge.epoch})`,
    ),
  ];
  return new Failure(
    `${lines.length} of ${count(edges.length, "edge")} did not run epoch ${wanted.epoch} within ${timeoutMs / 1000} s`,
    EXIT.failed,
    lines.map(printable),
  );
}

const titleOf = ({ name, colo, id }: EdgeStatus): string => `${name} ${colo} ${id}`;
