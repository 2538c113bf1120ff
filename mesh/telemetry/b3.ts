/** B3 propagation (https://github.com/openzipkin/b3-propagation), single and multiple headers: read where a caller speaks nothing newer, and answered in kind. */

export type B3 = {
  readonly form: "single" | "multiple";
  /** Absent where the caller only says whether to sample. A trace id of 16 digits has been filled up to 32. */
  readonly ids?: { readonly traceId: string; readonly spanId: string };
  /** Undefined where the caller leaves it to us. */
  readonly sampled: boolean | undefined;
};

type Read = (name: string) => string | null;

const SINGLE = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;
const TRACE_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const ZEROS = /^0+$/;

/** Undefined where there is none, or none that is valid. */
export function readB3(read: Read): B3 | undefined {
  const single = read("b3");
  return single === null ? multiple(read) : ofSingle(single.trim().toLowerCase());
}

function ofSingle(text: string): B3 | undefined {
  if (/^[01d]$/.test(text)) return { form: "single", sampled: text !== "0" };
  const [, traceId, spanId, state] = SINGLE.exec(text) ?? [];
  return withIds("single", traceId, spanId, state === undefined ? undefined : state !== "0");
}

function multiple(read: Read): B3 | undefined {
  const traceId = read("x-b3-traceid")?.trim().toLowerCase();
  const sampled = sampledOf(read("x-b3-sampled"), read("x-b3-flags"));
  if (traceId === undefined) return sampled === undefined ? undefined : { form: "multiple", sampled };
  const spanId = read("x-b3-spanid")?.trim().toLowerCase() ?? "";
  return TRACE_ID.test(traceId) && SPAN_ID.test(spanId) ? withIds("multiple", traceId, spanId, sampled) : undefined;
}

/** Debug (flags 1) is sampled too. Earlier tracers wrote the decision as a word. */
function sampledOf(sampled: string | null, flags: string | null): boolean | undefined {
  if (flags?.trim() === "1") return true;
  const text = sampled?.trim().toLowerCase();
  if (text === "1" || text === "true") return true;
  return text === "0" || text === "false" ? false : undefined;
}

function withIds(
  form: B3["form"],
  traceId: string | undefined,
  spanId: string | undefined,
  sampled: boolean | undefined,
): B3 | undefined {
  if (traceId === undefined || spanId === undefined || ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  return { form, ids: { traceId: traceId.padStart(32, "0"), spanId }, sampled };
}

/** What goes upstream in the caller's form, each a header's name and value. */
export const b3Headers = (
  form: B3["form"],
  traceId: string,
  spanId: string,
  sampled: boolean,
): readonly (readonly [name: string, value: string])[] =>
  form === "single"
    ? [["b3", `${traceId}-${spanId}-${sampled ? "1" : "0"}`]]
    : [
        ["x-b3-traceid", traceId],
        ["x-b3-spanid", spanId],
        ["x-b3-sampled", sampled ? "1" : "0"],
      ];
