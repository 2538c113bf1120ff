/** What is uploaded: the edge's bundle as a deploy minifies it, compressed as the platform counts it. */
import { gzipSync } from "node:zlib";
import { transform } from "esbuild";
import { bundle } from "../local/bundle.ts";
import type { Benchmark } from "./benchmark.ts";
import { type Row, valueRow } from "./row.ts";

const KB = 1000;

async function size(): Promise<Row[]> {
  const whole = await bundle("edge");
  const { code } = await transform(whole, { minify: true, format: "esm", target: "es2024" });
  const gzipped = (text: string) => gzipSync(text, { level: 9 }).length / KB;
  return [
    valueRow({ name: "edge bundle, minified, gzip", unit: "KB" }, gzipped(code), null, { atMost: 120 }),
    valueRow({ name: "edge bundle, minified", unit: "KB" }, Buffer.byteLength(code) / KB),
    valueRow({ name: "edge bundle, as written, gzip", unit: "KB" }, gzipped(whole)),
    valueRow({ name: "edge bundle, as written", unit: "KB" }, Buffer.byteLength(whole) / KB),
  ];
}

export const SIZE: readonly Benchmark[] = [{ name: "size", run: size }];
