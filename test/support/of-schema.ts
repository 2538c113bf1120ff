/** Values that a JSON Schema allows, and some that it nearly allows: numbers from its edges, texts that policies are made of. */
import fc from "fast-check";

/** The part of JSON Schema that zod writes. */
export type Schema = {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
};

/** Of each kind of text that policies have, some. */
const TEXTS = [
  ..."a b x-a x-b Authorization Cookie sid GET POST /a /a/* /a/{x} /a/{**} * */ns/shop/sa/web shop".split(" "),
  ..."1ms 20ms 100ms 1s 10s 1h 10.0.0.0/8 192.0.2.0/24 2001:db8::/32 80 200 503 5xx sub group".split(" "),
  "https://issuer.example",
  "https://issuer.example/jwks.json",
  "request.auth.claims[group]",
  "request.headers[x-a]",
  'request.path == "/a"',
  "response.status >= 400",
  "size(request.path)",
  "Bearer ",
];
const NUMBERS = [0, 1, 2, 3, 0.1, 0.5, 1.5, 10, 99, 100, 400, 429, 503, 1000, 65_536, 1_000_000];

export function ofSchema(schema: Schema): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return fc.oneof(...either.map(ofSchema));
  switch (schema.type ?? "any") {
    case "object":
      return objects(schema);
    case "array": {
      const { items = {}, minItems = 0, maxItems = 3 } = schema;
      return fc.array(ofSchema(items), { minLength: minItems, maxLength: Math.max(minItems, Math.min(3, maxItems)) });
    }
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number": {
      const { minimum = 0, maximum = 1e6 } = schema;
      const among = [...NUMBERS, minimum, Math.min(maximum, 1e9)].filter((n) => n >= minimum && n <= maximum);
      return fc.constantFrom(...among.filter((n) => schema.type === "number" || Number.isInteger(n)));
    }
    case "string": {
      const { pattern, minLength = 0, maxLength = 1e6 } = schema;
      const fits = (text: string) =>
        text.length >= minLength && text.length <= maxLength && (!pattern || new RegExp(pattern).test(text));
      const among = TEXTS.filter(fits);
      return among.length > 0 ? fc.constantFrom(...among) : fc.string({ minLength, maxLength: minLength + 5 });
    }
    default:
      return fc.constantFrom(1, "a", {}, []);
  }
}

/** Each optional part is there in a third of them: with every part at once, one or another is always wrong. */
function objects({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const names = Object.keys(properties);
  const parts = fc.record(Object.fromEntries(names.map((name) => [name, ofSchema(properties[name]!)]))); // of its names
  const kept = fc.array(fc.nat(2), { minLength: names.length, maxLength: names.length });
  return fc
    .tuple(parts, kept)
    .map(([all, draws]) =>
      Object.fromEntries(Object.entries(all).filter(([name], index) => required.includes(name) || draws[index] === 0)),
    );
}
