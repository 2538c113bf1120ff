/** The example shop: its services as processes of their own, and its manifests for the ports in use. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourceFile } from "../mesh/api.ts";
import { shown } from "./folder.ts";
import { DEFAULT_BASE, type Ports, SPAN } from "./ports.ts";

const SHOP = fileURLToPath(new URL("../examples/shop", import.meta.url));

/** As arguments of service.ts. */
const SERVICES = [
  { name: "catalog", version: "v1", port: "catalogV1" },
  { name: "catalog", version: "v2", port: "catalogV2" },
  { name: "checkout", version: "v1", port: "checkout" },
  { name: "payments", version: "v1", port: "payments" },
  { name: "storefront", version: "v1", port: "storefront" },
] as const satisfies readonly { readonly port: keyof Ports; readonly [key: string]: string }[];

export type Services = {
  /** Settles once every service listens; rejects when one ends before it does. */
  readonly ready: Promise<unknown>;
  readonly stop: () => Promise<void>;
};

/** `died` is told, in one line, of each service that ends without having been asked to. */
export function startServices(ports: Ports, died: (line: string) => void): Services {
  let stopping = false;
  const children = SERVICES.map(({ name, version, port }) => {
    const child = spawn(process.execPath, [join(SHOP, "service.ts"), name, String(ports[port]), version], {
      env: { ...process.env, EDGE: `http://127.0.0.1:${ports.edge}` },
      // The channel tells that it listens and, by closing, that this process is gone.
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said = `${said}${String(chunk)}`.slice(-2000)));
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    }).then(
      (how) => `${name} ${version} (port ${ports[port]}) ended: ${[how, lastLine(said)].filter(Boolean).join(", ")}`,
    );
    const listening = new Promise<void>((resolve, reject) => {
      child.once("message", () => resolve());
      void ended.then((line) => reject(new Error(line)));
    });
    void Promise.all([ended, listening]).then(
      ([line]) => setTimeout(() => !stopping && died(line), SIGNALLED_TOGETHER_MS).unref(),
      () => {}, // it never listened: `ready` says so
    );
    return { child, ended, listening };
  });
  const ready = Promise.all(children.map(({ listening }) => listening));
  return {
    ready,
    stop: async () => {
      stopping = true;
      for (const { child } of children) end(child);
      await Promise.all(children.map(({ ended }) => ended));
    },
  };
}

/** Ctrl-C reaches the services as soon as it reaches us: a death is news only if no stop follows at once. */
export const SIGNALLED_TOGETHER_MS = 200;

/** They hold nothing that would be lost. */
const end = (child: ChildProcess): boolean => child.kill("SIGKILL");

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

export type Manifests = {
  /** For people and commands, from the current folder. */
  readonly path: string;
  readonly files: readonly SourceFile[];
};

/** The manifests as they stand, or, for other ports than the ones they name, a copy of them in `dir`. */
export async function manifests(ports: Ports, dir: string): Promise<Manifests> {
  const shifted = ports.edge !== DEFAULT_BASE;
  const folder = shifted ? join(dir, "shop") : SHOP;
  if (shifted) await mkdir(folder, { recursive: true });
  const names = (await readdir(SHOP)).filter((name) => name.endsWith(".yaml")).sort();
  const path = shown(folder);
  const files: SourceFile[] = [];
  for (const name of names) {
    const text = shift(await readFile(join(SHOP, name), "utf8"), ports.edge - DEFAULT_BASE);
    if (shifted) await writeFile(join(folder, name), text);
    files.push({ name: join(path, name), text });
  }
  return { path, files };
}

const shift = (text: string, by: number): string =>
  text.replace(/\b(127\.0\.0\.1|localhost):(\d+)/g, (whole, host: string, port: string) =>
    Number(port) >= DEFAULT_BASE && Number(port) <= DEFAULT_BASE + SPAN ? `${host}:${Number(port) + by}` : whole,
  );
