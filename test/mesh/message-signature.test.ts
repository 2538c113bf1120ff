import { expect, it } from "vitest";
import { signatureBase } from "../../mesh/message-signature.ts";

const PARAMS = 'created=100;expires=160;keyid="k1";alg="ecdsa-p256-sha256";tag="selvedge"';

it("a signature's base names and tells what it covers, line by line, and then its parameters (RFC 9421 §2.5)", () => {
  const fields = [
    ["selvedge-caller", "a.b.c"],
    ["content-type", " text/plain "],
  ] as const;
  const { input, base } = signatureBase({ method: "POST", path: "/a/b%20c", search: "?x=1&y", fields }, "k1", 100);
  expect(input).toBe(`("@method" "@path" "@query" "selvedge-caller" "content-type");${PARAMS}`);
  expect(base.split("\n")).toEqual([
    '"@method": POST',
    '"@path": /a/b%20c',
    '"@query": ?x=1&y',
    '"selvedge-caller": a.b.c',
    '"content-type": text/plain',
    `"@signature-params": ${input}`,
  ]);
});

it("a query that is not there is a question mark", () => {
  const { base } = signatureBase({ method: "GET", path: "/", search: "", fields: [] }, "k1", 100);
  expect(base).toBe(
    `"@method": GET\n"@path": /\n"@query": ?\n"@signature-params": ("@method" "@path" "@query");${PARAMS}`,
  );
});
