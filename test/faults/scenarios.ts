/** What breaks, for how long, and what is left to do so that all can be well again. */
import { connect, type Socket } from "node:net";
import { execFileSync } from "node:child_process";
import { readdir, truncate, writeFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { EDGES, type EdgeName, type Fleet, type PartName } from "./fleet.ts";
import type { Illness } from "./network.ts";
import type { Service, Traffic } from "./traffic.ts";

/** What a scenario may do. It writes down what clients cannot know: which edge was out, and which service was ill. */
export type Stage = {
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  readonly random: () => number;
  readonly outage: (edge: EdgeName, during: () => Promise<void>) => Promise<void>;
  readonly illness: (service: Service, during: () => Promise<void>) => Promise<void>;
  readonly flood: (during: () => Promise<void>) => Promise<void>;
};
export type Scenario = {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
};

const FAULT_MS = 2500;

const killed = (name: string, ...parts: readonly PartName[]): Scenario => ({
  name,
  run: ({ fleet }) =>
    during(
      async () => void (await Promise.all(parts.map(fleet.kill))),
      async () => {
        for (const part of parts) await fleet.start(part);
      },
    ),
});

const stopped = (name: string, part: PartName): Scenario => ({
  name,
  run: ({ fleet }) =>
    during(
      () => fleet.signal(part, "SIGSTOP"),
      () => fleet.signal(part, "SIGCONT"),
    ),
});

async function during(begin: () => Promise<void>, end: () => Promise<void>): Promise<void> {
  await begin();
  try {
    await pause(FAULT_MS);
  } finally {
    await end();
  }
}

const relayed = (name: string, illness: Illness): Scenario => ({
  name,
  run: ({ traffic, illness: ill }) =>
    ill("plain", () =>
      during(
        async () => traffic.relay.become(illness),
        async () => traffic.relay.become("well"),
      ),
    ),
});

export const SCENARIOS: readonly Scenario[] = [
  killed("control is killed", "control"),
  killed("state is killed", "state"),
  killed("state and control are killed", "state", "control"),
  {
    name: "an edge is killed",
    run: async ({ fleet, traffic, outage }) => {
      // The other one lives on, so that a long run can tell whether it grows.
      const edge = "edge-1";
      await outage(edge, async () => {
        await fleet.kill(edge);
        await pause(FAULT_MS / 2);
        traffic.lives.set(edge, (traffic.lives.get(edge) ?? 0) + 1);
        await fleet.start(edge);
      });
    },
  },
  stopped("state is stopped", "state"),
  stopped("control is stopped", "control"),
  {
    name: "an edge is stopped",
    run: ({ fleet, random, outage }) => {
      const edge = EDGES[Math.floor(random() * EDGES.length)]!;
      return outage(edge, () =>
        during(
          () => fleet.signal(edge, "SIGSTOP"),
          () => fleet.signal(edge, "SIGCONT"),
        ),
      );
    },
  },
  relayed("connections to an endpoint are reset", "resets"),
  relayed("an endpoint is a black hole", "swallows"),
  {
    name: "a service fails",
    run: ({ traffic, illness }) =>
      illness("shaky", () =>
        during(
          async () => void (traffic.shakyFails = true),
          async () => void (traffic.shakyFails = false),
        ),
      ),
  },
  {
    // What an edge that begins then finds is no snapshot; it lives on what it kept until control has mended KV.
    name: "KV's blobs are cut short, and an edge begins",
    run: async ({ fleet, traffic, outage }) => {
      const cut = await cutBlobs(fleet.dir);
      if (cut === 0) throw new Error("no blobs of KV were found");
      await outage("edge-1", async () => {
        await fleet.kill("edge-1");
        traffic.lives.set("edge-1", (traffic.lives.get("edge-1") ?? 0) + 1);
        await fleet.start("edge-1");
      });
      await pause(FAULT_MS / 2);
      await fleet.control.call("POST", "/v1/publish");
    },
  },
  {
    name: "callers send a byte a second",
    run: async ({ fleet }) => {
      const sockets = EDGES.flatMap((edge) => Array.from({ length: 100 }, (_, n) => loris(fleet.port[edge], n)));
      await pause(FAULT_MS);
      for (const socket of sockets) socket.destroy();
    },
  },
  {
    name: "a flood of ten times what an edge takes",
    run: ({ traffic, flood }) =>
      flood(async () => {
        const until = Date.now() + FAULT_MS / 2;
        const caller = async (): Promise<void> => {
          while (Date.now() < until) await traffic.ask("plain");
        };
        await Promise.all(Array.from({ length: 600 }, caller));
      }),
  },
];

/**
 * Needs a file system of its own, which it fills: whoever starts the fleet puts it there. workerd keeps an object whose commit failed broken
 * for as long as somebody asks it every ten seconds, though there is room again: state is started anew, as its operator has to
 * (docs/self-hosting.md).
 */
export const FULL_DISK: Scenario = {
  name: "the disk of state is full",
  run: async ({ fleet }) => {
    const filler = join(fleet.dir, "filler");
    await during(
      async () => {
        // Until nothing more goes on it.
        await writeFile(filler, Buffer.alloc(64 << 20)).catch(() => {});
      },
      () => rm(filler, { force: true }),
    );
    await fleet.kill("state");
    await fleet.start("state");
  },
};

/** A file system of so many megabytes, in memory; undefined where this user may not make one. */
export function smallDisk(path: string, megabytes: number): (() => void) | undefined {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return () => void execFileSync("umount", ["-l", path], { stdio: "ignore" });
}

async function cutBlobs(dir: string): Promise<number> {
  const files = await readdir(join(dir, "state"), { recursive: true, withFileTypes: true });
  const blobs = files.filter((file) => file.isFile() && /\bkv\b.*\bblobs\b/.test(file.parentPath));
  // A change that is published meanwhile takes some of them away.
  const cut = await Promise.allSettled(blobs.map(({ parentPath, name }) => truncate(join(parentPath, name), 10)));
  return cut.filter(({ status }) => status === "fulfilled").length;
}

function loris(port: number, number: number): Socket {
  const socket = connect(port, "127.0.0.1");
  const text =
    number % 2 === 0
      ? "GET /plain/x HTTP/1.1\r\nHost: shop.test\r\nX-Slow: yes\r\n"
      : "POST /once/x HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nbody";
  let sent = 0;
  const timer = setInterval(() => socket.write(text[sent++ % text.length]!), 1000);
  return socket.on("error", () => {}).on("close", () => clearInterval(timer));
}
