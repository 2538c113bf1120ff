/**
 * workerd does not notice that its parent died: after `kill -9` of a Node process its workerd would go on holding the
 * ports and the state. So each one gets a watcher, a shell that waits for a pipe which only this process holds open;
 * when it closes, however that came about, the watcher kills its workerd.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { basename } from "node:path";

const living = new Set<ChildProcess>();
let watching = false;

/** Watches over every workerd that this process starts from now on, the ones that Miniflare restarts included. */
export function watchOverWorkerd(): void {
  if (watching || process.platform === "win32") return;
  watching = true;
  // Miniflare keeps its child to itself; Node tells of every one.
  subscribe("child_process", (message) => {
    const { process: child } = message as { process: ChildProcess };
    child.once("spawn", () => {
      if (basename(child.spawnfile).startsWith("workerd")) watchOver(child);
    });
  });
}

/** For the end of a process: Ctrl-C reaches workerd too, and Miniflare may just have started it anew. */
export function killWorkerd(): void {
  for (const child of living) child.kill("SIGKILL");
}

function watchOver(child: ChildProcess): void {
  living.add(child);
  // In a process group of its own: Ctrl-C and `kill -- -group` must not end the watcher before what it watches.
  const watcher = spawn("/bin/sh", ["-c", 'read -r _; kill -9 "$1" 2>/dev/null', "sh", String(child.pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.on("error", () => {});
  watcher.stdin.on("error", () => {});
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  child.once("exit", () => {
    living.delete(child);
    watcher.kill("SIGKILL");
  });
}
