import { expect, it } from "vitest";
import { newest, parsePointer, signedText } from "../../mesh/pointer.ts";

const hash = "0123456789abcdef".repeat(4);

it("reads what control writes, and leaves alone fields that a later control adds", () => {
  expect(parsePointer(JSON.stringify({ epoch: 7, hash }))).toEqual({ epoch: 7, hash });
  expect(parsePointer(JSON.stringify({ epoch: 7, hash, stage: {} }))).toEqual({ epoch: 7, hash });
});

it.each([
  null,
  "",
  "null",
  "7",
  "[]",
  "{}",
  '{"epoch":7',
  `{"epoch":"7","hash":"${hash}"}`,
  `{"epoch":0,"hash":"${hash}"}`,
  `{"epoch":-1,"hash":"${hash}"}`,
  `{"epoch":1.5,"hash":"${hash}"}`,
  `{"epoch":1e99,"hash":"${hash}"}`,
  `{"epoch":7,"hash":"${hash.toUpperCase()}"}`,
  `{"epoch":7,"hash":"${hash}0"}`,
  '{"epoch":7,"hash":"../pointer"}',
])("does not take %j for a pointer", (text) => {
  expect(parsePointer(text)).toBeUndefined();
});

it("reads a signature, and signs epoch and hash in one spelling", () => {
  expect(parsePointer(JSON.stringify({ hash, epoch: 7, signature: "a..b" }))).toEqual({
    epoch: 7,
    hash,
    signature: "a..b",
  });
  expect(parsePointer(JSON.stringify({ hash, epoch: 7, signature: 1 }))).toEqual({ epoch: 7, hash });
  expect(signedText({ hash, epoch: 7 })).toBe(`{"epoch":7,"hash":"${hash}"}`);
});

it("prefers the later epoch, and what it has on a tie", () => {
  const [a, b] = [
    { epoch: 1, hash: "a" },
    { epoch: 2, hash: "b" },
  ];
  expect([newest(a, b), newest(b, a), newest(a, { epoch: 1, hash: "c" })]).toEqual([b, b, a]);
});
