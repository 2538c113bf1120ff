/** The load process as its parent holds it. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Job, Result } from "./load.ts";

export type Loader = {
  readonly run: (job: Job) => Promise<Result>;
  readonly close: () => void;
};

export function loader(): Loader {
  const child = fork(fileURLToPath(new URL("load.ts", import.meta.url)));
  return {
    run: async (job) => {
      const ended = new AbortController();
      const { signal } = ended;
      try {
        const answered = once(child, "message", { signal });
        const died = once(child, "exit", { signal }).then(() => Promise.reject(new Error("the load process ended")));
        // Whichever is not needed is aborted, and nobody hears of it.
        answered.catch(() => {});
        died.catch(() => {});
        child.send(job);
        const [result] = (await Promise.race([answered, died])) as [Result];
        return result;
      } finally {
        ended.abort();
      }
    },
    close: () => child.kill(),
  };
}
