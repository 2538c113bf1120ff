/** Sends bytes as they stand in a case, and takes down what comes back and when. */
import { connect } from "node:net";
import { pause } from "../support/mesh.ts";
import { type Response, responsesIn } from "./bytes.ts";
import type { Step } from "./case.ts";

export type Exchange = {
  readonly text: string;
  readonly responses: readonly Response[];
  readonly ms: number;
  /** After how many milliseconds how much of `text` was there. */
  readonly marks: readonly { readonly ms: number; readonly length: number }[];
};

/** No more comes after so long a silence, once the responses are there that are wanted. */
const SILENCE_MS = 120;

/** `want` responses at the least are waited for, up to `maxMs`. */
export async function exchange(port: number, steps: readonly Step[], want: number, maxMs: number): Promise<Exchange> {
  const method = /^\S+/.exec(steps.find(({ bytes }) => bytes !== undefined)?.bytes ?? "")?.[0] ?? "GET";
  const began = Date.now();
  const marks: { ms: number; length: number }[] = [];
  let text = "";
  let closed = false;
  let last = began;
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  socket.on("error", () => (closed = true));
  socket.on("close", () => (closed = true));
  socket.on("end", () => (closed = true));
  socket.on("data", (data) => {
    text += data.toString("latin1");
    last = Date.now();
    marks.push({ ms: last - began, length: text.length });
  });
  const complete = () => responsesIn(text, method, closed).filter((one) => one.complete && one.status >= 200).length;
  for (const step of steps) {
    if (closed) break;
    await pause(step.pause_ms ?? 0);
    if (step.await_response !== undefined)
      for (const end = Date.now() + (step.timeout_ms ?? 3000); Date.now() < end && !closed; await pause(10))
        if (complete() >= step.await_response) break;
    if (step.bytes !== undefined) socket.write(Buffer.from(step.bytes, "latin1"));
    for (let left = step.repeat?.n ?? 0; left > 0 && !closed; left--) {
      if (socket.write(Buffer.from(step.repeat!.bytes, "latin1"))) continue; // counted from it
      await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), pause(2000)]);
    }
    if (step.half_close) socket.end();
  }
  while (!closed && Date.now() - began < maxMs) {
    if (complete() >= want && Date.now() - last > SILENCE_MS) break;
    await pause(10);
  }
  socket.destroy();
  return { text, responses: responsesIn(text, method, closed), ms: Date.now() - began, marks };
}
