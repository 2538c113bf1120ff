import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DEFAULT_BASE, portsFrom } from "../../local/ports.ts";
import { manifests } from "../../local/shop.ts";
import { compile } from "../../mesh/compile/compile.ts";
import { readFiles } from "../../mesh/resources/read.ts";

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "selvedge-shop-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

const endpoints = (text: string): number[] =>
  [...text.matchAll(/url: http:\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port)).sort((a, b) => a - b);

const servicePorts = (base: number): number[] => {
  const { catalogV1, catalogV2, checkout, payments, storefront } = portsFrom(base);
  return [catalogV1, catalogV2, checkout, payments, storefront];
};

test("the manifests have no problem, no warning included", async () => {
  const { files } = await manifests(portsFrom(DEFAULT_BASE), "unused");
  const { resources, problems } = readFiles(files);
  expect([...problems, ...compile(resources).problems]).toEqual([]);
  expect(resources.length).toBeGreaterThan(10);
});

test("at the default ports the manifests are applied as they stand", async () => {
  const { path, files } = await manifests(portsFrom(DEFAULT_BASE), "unused");
  expect(path).toBe(join("examples", "shop"));
  expect(endpoints(files.map(({ text }) => text).join())).toEqual(servicePorts(DEFAULT_BASE));
});

test("at other ports a copy is written that names those, comments included", async () => {
  const dir = await folder();
  const { files } = await manifests(portsFrom(20_000), dir);
  const all = files.map(({ text }) => text).join();
  expect(endpoints(all)).toEqual(servicePorts(20_000));
  expect(all).not.toMatch(/:87[89]\d/);
  expect(all).toContain("http://shop.localhost:20000/");
  const written = await readdir(join(dir, "shop"));
  expect(written).toEqual(files.map(({ name }) => name.split("/").at(-1)));
  expect(await readFile(join(dir, "shop", written[0]!), "utf8")).toBe(files[0]!.text);
});
