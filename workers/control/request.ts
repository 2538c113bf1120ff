/** What callers may send: bodies, queries and conditions are checked here, and every mistake in them is told at once. */
import { z } from "zod";
import type { ApplyRequest, DeleteRequest, Hold, RollbackRequest } from "../../mesh/api.ts";
import type { Problem } from "../../mesh/problem.ts";
import { GROUPINGS } from "../../mesh/telemetry/query.ts";
import { Refusal } from "./refusal.ts";

/** Room for 15 MiB of resources (`MAX_MESH_BYTES`) in YAML, escaped as JSON; an isolate has 128 MB for everything. */
const MAX_BODY_BYTES = 25 * 1024 * 1024;

// What people write into the log is printed on terminals: no escape sequences.
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !CONTROL_CHARACTER.test(text), "must not contain control characters");
const name = z.string().min(1).max(1024);
const epoch = z.int().min(0);
const change = {
  dryRun: z.boolean().exactOptional(),
  message: plainText(4096).exactOptional(),
  author: plainText(256).exactOptional(),
};

export const applyRequest = z.strictObject({
  files: z.array(z.strictObject({ name, text: z.string() })).max(10_000),
  prune: z.boolean().exactOptional(),
  ...change,
}) satisfies z.ZodType<ApplyRequest>;

export const deleteRequest = z.strictObject({
  refs: z
    .array(z.strictObject({ kind: name, namespace: name.exactOptional(), name }))
    .min(1)
    .max(10_000),
  ...change,
}) satisfies z.ZodType<DeleteRequest>;

export const rollbackRequest = z.strictObject({ to: epoch, ...change }) satisfies z.ZodType<RollbackRequest>;

export const resourcesQuery = z.strictObject({
  kind: name.exactOptional(),
  namespace: name.exactOptional(),
  name: name.exactOptional(),
});

export const historyQuery = z.strictObject({
  limit: z.coerce.number().pipe(z.int().min(1).max(1000)).default(20),
  /** Only epochs before this one: the last of a page asks for the next. */
  before: z.coerce.number().pipe(epoch).exactOptional(),
});

export const auditQuery = z.strictObject({
  limit: z.coerce.number().pipe(z.int().min(1).max(1000)).default(50),
  /** Only entries before this one: the last of a page asks for the next. */
  before: z.coerce.number().pipe(epoch).exactOptional(),
  who: name.exactOptional(),
  action: name.exactOptional(),
  /** Milliseconds since 1970. */
  since: z.coerce.number().pipe(epoch).exactOptional(),
});

export const changesQuery = z.strictObject({ epoch: z.coerce.number().pipe(z.int().min(1)) });

const where = z.string().max(1024).exactOptional();

/**
 * Times in seconds since 1970, or `last` so many seconds; without them, the last five minutes. `by` is a list with commas; whatever
 * can be grouped by can also be asked for alone, by its value.
 */
export const metricsQuery = z.strictObject({
  ...(Object.fromEntries(GROUPINGS.map((name) => [name, where])) as Record<(typeof GROUPINGS)[number], typeof where>),
  last: z.coerce
    .number()
    .pipe(
      z
        .int()
        .min(1)
        .max(31 * 86_400),
    )
    .exactOptional(),
  from: z.coerce.number().pipe(epoch).exactOptional(),
  to: z.coerce.number().pipe(epoch).exactOptional(),
  step: z.coerce.number().pipe(z.int().min(1).max(86_400)).exactOptional(),
  by: z
    .string()
    .transform((text) => text.split(",").filter((word) => word !== ""))
    .pipe(z.array(z.enum(GROUPINGS)))
    .default([]),
});

/** `name`: a part of the names of circuits. */
export const breakersQuery = z.strictObject({ name: name.exactOptional() });

/** `name`: a part of the names of buckets. */
export const limitsQuery = z.strictObject({ name: name.exactOptional() });
/** Of a policy, a limit or a bucket, whole. */
export const resetRequest = z.strictObject({ name });

/** `name`: a part of the names of rules and mirrors. */
export const mirrorsQuery = z.strictObject({ name: name.exactOptional() });

/** At most a day: what is forgotten must not stand for ever. */
export const holdRequest = z.strictObject({
  circuit: name,
  to: z.enum(["open", "closed"]),
  forMs: z.int().min(0).max(86_400_000),
}) satisfies z.ZodType<Hold>;

export const noQuery = z.strictObject({});

/** The body as JSON of this shape; 413 when it is too long, 400 when it is not JSON or not of the shape. */
export async function bodyOf<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  let value: unknown;
  try {
    value = JSON.parse(await textOf(request));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("invalid-request", { detail: `The body is not JSON: ${(error as Error).message}` });
  }
  return checked(value, schema);
}

export const queryOf = <T>(request: Request, schema: z.ZodType<T>): T =>
  checked(Object.fromEntries(new URL(request.url).searchParams), schema);

/** The epoch that `If-Match` insists on; undefined when any will do. */
export function baseOf(request: Request): number | undefined {
  const header = request.headers.get("if-match");
  if (header === null || header === "*") return undefined;
  const [, digits] = /^"(\d{1,15})"$/.exec(header) ?? [];
  if (digits === undefined) {
    throw new Refusal("invalid-request", { detail: 'If-Match takes one epoch in quotes, e.g. "12"' });
  }
  return Number(digits);
}

async function textOf(request: Request): Promise<string> {
  const tooLarge = () => new Refusal("too-large", { detail: `The body is longer than ${MAX_BODY_BYTES} bytes.` });
  if (Number(request.headers.get("content-length")) > MAX_BODY_BYTES) throw tooLarge();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let size = 0;
  let text = "";
  // Counted as it comes: a chunked body does not tell its length beforehand.
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function checked<T>(value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ code, path, message }): Problem => ({
    severity: "error",
    code: code === "unrecognized_keys" ? "unknown-key" : "invalid-value",
    ...(path.length > 0 && { path: path.join(".") }),
    message,
  }));
  throw new Refusal("invalid-request", { detail: problems.map(inWords).join("; "), problems });
}

const inWords = ({ path, message }: Problem): string => (path === undefined ? message : `${path}: ${message}`);
