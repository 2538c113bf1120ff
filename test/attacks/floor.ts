/**
 * What the runtime decides before any code runs: shown by the same bytes against a Worker of one line. Either that Worker is not called at
 * all, and the runtime's own answer breaks the case in the same way; or it is called with another target than the bytes hold, so that
 * no code could tell the two apart.
 */
import { responsesIn, valuesOf } from "./bytes.ts";
import type { Case } from "./case.ts";
import { exchange } from "./client.ts";
import { judge } from "./judge.ts";

/** It answers with what it was given. */
export const ONE_LINE =
  'export default { fetch: ({ method, url }) => new Response(method, { headers: { "x-given": encodeURI(url) } }) };';

/** Why the runtime is to blame, or undefined if code could have decided. */
export async function runtimeFloor(port: number, one: Case): Promise<string | undefined> {
  if (one.raw_request === undefined) return undefined;
  const seen = await exchange(port, [{ bytes: one.raw_request }], 1, 1500);
  const answer = responsesIn(seen.text, "GET", true).find(({ status }) => status === 0 || status >= 200);
  const [given] = answer ? valuesOf(answer.fields, "x-given") : [];
  if (given === undefined) {
    const { broken } = judge(one.expect, { ...seen, requests: [], garbage: [] });
    return broken.length > 0 ? `answers ${answer?.status ?? "nothing"} without calling the Worker` : undefined;
  }
  const [, target = ""] = /^\S+ ([^#\r\n]*?)(?:#[^\r\n]*)? HTTP/.exec(one.raw_request) ?? [];
  return target.startsWith("/") || given.endsWith(encodeURI(target))
    ? undefined
    : `gives the Worker ${given} for ${target}`;
}
