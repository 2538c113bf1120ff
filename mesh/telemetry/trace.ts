/** A request's place in its trace: where it comes from, and what the next hop is told. */
import { type B3, b3Headers, readB3 } from "./b3.ts";
import { sample, type Sampling } from "./sampling.ts";
import {
  formatTraceparent,
  formatTracestate,
  type Member,
  parseTraceparent,
  parseTracestate,
  RANDOM,
  SAMPLED,
} from "./trace-context.ts";

export type Trace = {
  readonly traceId: string;
  /** The caller's span; empty where the trace begins here. */
  readonly parentId: string;
  /** This hop's own. */
  readonly spanId: string;
  readonly random: boolean;
  /** What came in `tracestate`. */
  readonly state: readonly Member[];
  /** In which form of B3 it came, if in one. */
  readonly b3: B3["form"] | undefined;
} & Sampling;

/** Our own member of `tracestate`: the last hop of the mesh that recorded the trace, which services in between need not have kept as parent. */
export const OWN_KEY = "selvedge";

const NO_MEMBERS: readonly Member[] = [];

/**
 * What the headers say, or a new trace where they say nothing valid. B3 counts where there is no `traceparent` at all. `threshold` is this hop's, undefined
 * where it samples nothing of its own; `newId` gives so many random bytes as hexadecimal digits.
 */
export function received(
  read: (name: string) => string | null,
  threshold: string | undefined,
  newId: (bytes: 8 | 16) => string,
): Trace {
  const spanId = newId(8);
  const header = read("traceparent");
  const parent = header === null ? undefined : parseTraceparent(header);
  if (parent) {
    const { traceId, parentId, flags } = parent;
    const text = read("tracestate");
    const state = (text === null ? undefined : parseTracestate(text)) ?? NO_MEMBERS;
    const sampling = sample(traceId, (flags & SAMPLED) !== 0, state, threshold);
    return { traceId, parentId, spanId, random: (flags & RANDOM) !== 0, state, b3: undefined, ...sampling };
  }
  const b3 = header === null ? readB3(read) : undefined;
  const traceId = b3?.ids?.traceId ?? newId(16);
  return {
    traceId,
    parentId: b3?.ids?.spanId ?? "",
    spanId,
    random: b3?.ids === undefined,
    state: NO_MEMBERS,
    b3: b3?.form,
    ...sample(traceId, b3?.sampled, NO_MEMBERS, b3?.sampled === false ? undefined : threshold),
  };
}

/** Sets what goes upstream, as from the span `parentId`. What came and is no longer true is taken out. */
export function writeTrace(
  headers: { set(name: string, value: string): void; delete(name: string): void; has(name: string): boolean },
  trace: Trace,
  parentId: string,
): void {
  writeParent(headers, trace, parentId);
  const state = stateOf(trace);
  if (state !== "") headers.set("tracestate", state);
  else if (headers.has("tracestate")) headers.delete("tracestate");
  if (trace.b3 !== undefined) for (const name of ["x-b3-parentspanid", "x-b3-flags"]) headers.delete(name);
}

/** The `tracestate` of our spans and of what we send on; empty for none. */
export function stateOf({ state, vendor, sampled, spanId }: Trace): string {
  const given = state.find(([key]) => key === "ot")?.[1];
  const own: Member[] = sampled ? [[OWN_KEY, spanId]] : [];
  // Who changes a member moves it to the front.
  if (vendor !== undefined && vendor !== given) own.push(["ot", vendor]);
  const others = vendor === undefined ? state.filter(([key]) => key !== "ot") : state;
  return formatTracestate(own, others);
}

/** What alone differs between the tries of one request. */
export function writeParent(
  headers: { set(name: string, value: string): void },
  { traceId, random, sampled, b3 }: Trace,
  parentId: string,
): void {
  const flags = (sampled ? SAMPLED : 0) | (random ? RANDOM : 0);
  headers.set("traceparent", formatTraceparent({ traceId, parentId, flags }));
  if (b3 !== undefined) for (const [name, value] of b3Headers(b3, traceId, parentId, sampled)) headers.set(name, value);
}

/** `traceresponse` (Trace Context, Level 3 draft): says to the caller that its request is recorded here, whatever it decided itself. */
export const recordedResponse = ({ traceId, spanId, random }: Trace): string =>
  formatTraceparent({ traceId, parentId: spanId, flags: SAMPLED | (random ? RANDOM : 0) });

/** Whether an upstream's `traceresponse` says so of the same trace. */
export function isRecordedBy(header: string, { traceId }: Trace): boolean {
  const said = parseTraceparent(header);
  return said !== undefined && said.traceId === traceId && (said.flags & SAMPLED) !== 0;
}
