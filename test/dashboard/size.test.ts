import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { dashboard } from "../../local/dashboard.ts";

it("loads under 150 KB gzip, page, script, style and icon together", async () => {
  const files = Object.values(await dashboard());
  expect(files.map(({ text }) => text.length > 100)).toEqual([true, true, true, true]);
  expect(files.reduce((sum, { text }) => sum + gzipSync(text).length, 0)).toBeLessThan(150_000);
});
