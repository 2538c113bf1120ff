import { Denied, type MakeLayer } from "../layer.ts";

/** What is left of a crowded isolate is for others: a request of low priority makes room before anything is done for it. */
export const lowPriority: MakeLayer<"low-priority"> = () => (next) => (call) =>
  call.outside.isCrowded()
    ? Promise.reject(new Denied({ cause: "overloaded", retryAfterMs: OVERLOADED_RETRY_MS }))
    : next(call);

/** An isolate's crowd is gone, or spread over others, within a second or two. */
export const OVERLOADED_RETRY_MS = 1000;
