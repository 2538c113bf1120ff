/** Which control plane a command speaks to, with which token, and whether it is safe to send it there. */
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { contextNamed, readContexts } from "./contexts.ts";
import { Failure, usage } from "./failure.ts";

export type ConnectionOptions = { readonly control?: string; readonly context?: string; readonly insecure?: boolean };

export type Connection = {
  readonly url: URL;
  readonly token: string | undefined;
  /** How it was found, for people: `--control`, `context prod`, … */
  readonly from: string;
};

/**
 * In this order: `--control` or `--context`, SELVEDGE_CONTROL, the nearest `.selvedge/local.json`, the current context.
 * Throws a Failure when none is there, or when the token would cross a network in the clear.
 */
export async function findConnection(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<Connection> {
  const found = await firstFound(options, env, cwd);
  const { url, token, from } = found;
  if (url.protocol === "http:" && !isLoopback(url.hostname) && token !== undefined && !options.insecure)
    throw new Failure(
      `${url.origin} (${from}) is plain http, and the token would cross the network for anyone to read; use https, or --insecure if this network is yours alone`,
    );
  return found;
}

async function firstFound(options: ConnectionOptions, env: NodeJS.ProcessEnv, cwd: string): Promise<Connection> {
  const envToken = env["SELVEDGE_TOKEN"]?.trim() || undefined;
  if (options.control !== undefined && options.context !== undefined)
    throw usage("--control and --context both name a control plane; give one of them");
  const explicit =
    options.control ?? (options.context === undefined ? env["SELVEDGE_CONTROL"] || undefined : undefined);
  if (explicit !== undefined) {
    const from = options.control === undefined ? "SELVEDGE_CONTROL" : "--control";
    return { url: controlUrl(explicit, from), token: envToken, from };
  }
  if (options.context === undefined) {
    const local = await findLocal(cwd);
    if (local) return local;
  }
  const all = await readContexts(env);
  const name = options.context ?? all.current;
  if (name === undefined)
    throw new Failure(
      "no control plane to speak to: run npm start in a clone for a local one, or name one with --control URL, SELVEDGE_CONTROL or selvedge context add",
    );
  const context = contextNamed(all, name);
  const from = `context ${name}`;
  const token = context.tokenFile === undefined ? context.token : await readToken(context.tokenFile);
  return { url: controlUrl(context.control, from), token: token ?? envToken, from };
}

/** What `npm start` left in this folder or the nearest above it. */
async function findLocal(cwd: string): Promise<Connection | undefined> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const path = join(folder, ".selvedge", "local.json");
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined) return readLocal(path, text);
    if (folder === dirname(folder)) return undefined;
  }
}

async function readLocal(path: string, text: string): Promise<Connection> {
  let local: { readonly control?: unknown; readonly tokenFile?: unknown } | null;
  try {
    local = JSON.parse(text);
  } catch {
    local = null;
  }
  if (
    typeof local?.control !== "string" ||
    typeof local.tokenFile !== "string" ||
    basename(local.tokenFile) !== local.tokenFile
  )
    throw new Failure(`${path}: not what npm start writes; run npm start again, or delete it`);
  const url = controlUrl(local.control, path);
  // The file may have come with someone else's repository: it must not be able to send what it names to a stranger.
  if (!isLoopback(url.hostname))
    throw new Failure(`${path}: names ${url.origin}, and a local control plane is on loopback`);
  return { url, token: await readToken(join(dirname(path), local.tokenFile)), from: path };
}

async function readToken(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`the token file ${path} cannot be read (${error.code ?? error.message})`);
  });
  const token = text.trim();
  // Anything else is no token, and would go out in a header, or be shown in the error about one.
  if (!/^[\x21-\x7e]*$/.test(token)) throw new Failure(`the token file ${path} does not hold a token`);
  return token;
}

/** Throws a usage Failure for anything but an http or https URL; `from` says where it was written. */
export function controlUrl(text: string, from: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) throw usage(`${from}: "${text}" is not an http:// or https:// URL`);
  if (url.username || url.password)
    throw usage(`${from}: put the token into SELVEDGE_TOKEN or a context, not into the URL`);
  return url;
}

/** Names under `localhost` never leave the machine (RFC 6761 §6.3). */
export const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" ||
  hostname.endsWith(".localhost") ||
  hostname === "[::1]" ||
  /^127(\.\d+){3}$/.test(hostname);
