/**
 * The load: a process of its own, so that its work is not the measured one's event loop. Each connection sends its next
 * request when the last response has ended. Takes jobs over IPC, one at a time, and answers each with a result.
 */
import { connect } from "node:net";
import { ResponseParser } from "./response.ts";
import { quantile } from "./statistics.ts";

export type Job = {
  readonly port: number;
  /** Sent as they are, in turn. */
  readonly requests: readonly string[];
  readonly connections: number;
  /** A request that has begun by then is waited for, so that there is at least one of each connection. */
  readonly ms: number;
  /** Requests a second of all connections together; a latency then counts from when its request was due. Default: as many as go. */
  readonly rate?: number;
  /** A header field of responses, in lower case, whose values are counted. */
  readonly stamp?: string;
};

export type Result = {
  readonly requests: number;
  /** Statuses other than 200, and connections that broke. */
  readonly errors: number;
  /** Requests a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** The different stamps that there were. */
  readonly stamps: readonly string[];
};

/** After its time is up, a job ends within this, whatever does not answer. */
const GRACE_MS = 30_000;

async function run({ port, requests, connections, ms, rate, stamp }: Job): Promise<Result> {
  const bytes = requests.map((request) => Buffer.from(request, "latin1"));
  const everyMs = rate === undefined ? 0 : (1000 * connections) / rate;
  const stamps = new Set<string>();
  const latencies: number[] = [];
  let errors = 0;
  const began = performance.now();
  const end = began + ms;

  const one = (_: unknown, number: number): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      const parser = new ResponseParser();
      let turn = number;
      let due = began + (everyMs * number) / connections;
      let closing = false;
      const write = () => {
        socket.write(bytes[turn % bytes.length]!);
        turn += connections;
      };
      const send = () => {
        const now = performance.now();
        if (everyMs === 0) due = now;
        if (due <= now) write();
        else setTimeout(write, due - now);
      };
      const close = () => {
        closing = true;
        socket.destroy();
      };
      socket.setTimeout(ms + GRACE_MS, () => socket.destroy());
      socket.on("connect", send);
      socket.on("data", (chunk) => {
        try {
          for (const status of parser.push(chunk)) {
            const now = performance.now();
            latencies.push(now - due);
            if (status !== 200) errors++;
            const stamped = stamp === undefined ? undefined : parser.field(stamp);
            if (stamped !== undefined) stamps.add(stamped);
            due += everyMs;
            if (now < end) send();
            else close();
          }
        } catch {
          socket.destroy();
        }
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        // Not opened again: a run with an error counts for nothing.
        if (!closing) errors++;
        resolve();
      });
    });

  await Promise.all(Array.from({ length: connections }, one));
  const seconds = (performance.now() - began) / 1000;
  const samples = Float64Array.from(latencies);
  return {
    requests: samples.length,
    errors,
    rate: samples.length / seconds,
    p50: quantile(samples, 0.5),
    p99: quantile(samples, 0.99),
    stamps: [...stamps],
  };
}

process.on("message", (job: Job) => {
  void run(job).then((result) => process.send?.(result));
});
