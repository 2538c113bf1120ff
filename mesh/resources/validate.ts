/** A document against its kind's schema: zod's issues, put into words that say the fix. */
import { z } from "zod";
import { isRecord } from "../canonical.ts";
import type { Problem } from "../problem.ts";
import type { Kind } from "./kind.ts";
import { nearest } from "./nearest.ts";

type Issue = Pick<Problem, "code" | "message"> & { readonly path: readonly PropertyKey[]; readonly fix?: string };

/** Every way in which `document` breaks its kind's schema, each with its path in the document. */
export function validate(kind: Kind, document: unknown): Issue[] {
  const result = kind.schema.safeParse(document, { reportInput: true });
  return result.success ? [] : result.error.issues.flatMap((issue) => explain(issue, kind.schema));
}

function explain(issue: z.core.$ZodIssue, schema: z.core.$ZodType): Issue[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path, issue.input);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const fix =
        guess !== undefined ? `did you mean ${guess}?` : known.length > 0 ? `one of ${known.join(", ")}` : undefined;
      return {
        code: "unknown-key",
        path: [...issue.path, key],
        message: `unknown key ${quote(key)}`,
        ...(fix === undefined ? {} : { fix }),
      };
    });
  }
  const base = { code: "invalid-value", path: issue.path } as const;
  if (issue.code === "invalid_value") {
    const values = issue.values.map(String);
    const guess = typeof issue.input === "string" ? nearest(issue.input, values) : undefined;
    return [
      {
        ...base,
        message: `must be ${listed(values)}`,
        ...(guess === undefined ? {} : { fix: `did you mean ${guess}?` }),
      },
    ];
  }
  if (issue.code === "invalid_union" && "discriminator" in issue && issue.discriminator !== undefined)
    return [{ ...base, message: `must be ${listed(discriminants(schema, issue.path))}` }];
  if (issue.input === undefined) return [{ ...base, message: "is required" }];
  if (issue.code === "invalid_union")
    return [{ ...base, message: [...new Set(issue.errors.flat().map(({ message }) => plain(message)))].join(", or ") }];
  return [{ ...base, message: plain(issue.message) }];
}

const plain = (message: string): string => message.replace(/^(Invalid input|Too big|Too small|Invalid string): /, "");

/** As JSON, and short: what stands in a file may be of any length. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

const listed = (values: readonly string[]): string =>
  values.length === 1 ? values[0]! : values.length === 0 ? "one of the known types" : `one of ${values.join(", ")}`;

/** The keys that an object of the schema may have at `path`; of a union, those of the arm that `input` is of. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], input: unknown): string[] {
  const objects = schemasAt(schema, path).filter((at) => at instanceof z.ZodObject);
  const isArm = (at: z.ZodObject) =>
    Object.entries(at.shape).every(
      ([key, field]) =>
        !(field instanceof z.ZodLiteral) || (isRecord(input) && [...field.values].includes(input[key] as string)),
    );
  return [...new Set(objects.filter(isArm).flatMap((at) => Object.keys(at.shape)))];
}

/** The values of the union's `type` one level above an issue at `…, "type"`. */
function discriminants(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const key = path.at(-1);
  if (typeof key !== "string") return [];
  return schemasAt(schema, path.slice(0, -1)).flatMap((at) => {
    const field = at instanceof z.ZodObject ? at.shape[key] : undefined;
    return field instanceof z.ZodLiteral ? [...field.values].map(String) : [];
  });
}

function schemasAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType[] {
  const options = unwrap(schema);
  if (path.length === 0) return options;
  const [part, ...rest] = path;
  return options.flatMap((option) => {
    if (option instanceof z.ZodArray) return schemasAt(option.element, rest);
    if (option instanceof z.ZodRecord) return schemasAt(option.valueType, rest);
    const field = option instanceof z.ZodObject && typeof part === "string" ? option.shape[part] : undefined;
    return field === undefined ? [] : schemasAt(field, rest);
  });
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap);
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return unwrap(schema.unwrap());
  return [schema];
}
