/** The dashboard as the files that control serves. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FOLDER = fileURLToPath(new URL("../dashboard", import.meta.url));

export type File = { readonly type: string; readonly text: string; readonly etag: string };

/** By the path at which control serves it. */
export async function dashboard(): Promise<Readonly<Record<string, File>>> {
  const { outputFiles } = await build({
    absWorkingDir: FOLDER,
    entryPoints: [
      { in: "main.tsx", out: "dashboard" },
      { in: "style.css", out: "dashboard" },
    ],
    outdir: "/",
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "error",
  });
  const built = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))!.text;
  const source = (name: string): Promise<string> => readFile(`${FOLDER}/${name}`, "utf8");
  return {
    "/": file("text/html; charset=utf-8", await source("index.html")),
    "/dashboard.js": file("text/javascript; charset=utf-8", built(".js")),
    "/dashboard.css": file("text/css; charset=utf-8", built(".css")),
    "/icon.svg": file("image/svg+xml", await source("icon.svg")),
  };
}

const file = (type: string, text: string): File => ({
  type,
  text,
  etag: `"${createHash("sha256").update(text).digest("hex").slice(0, 16)}"`,
});
