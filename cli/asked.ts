/** A request as a command line says it, read as an edge reads one. */
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Asked } from "../mesh/explain/explain.ts";
import { usage } from "./failure.ts";

export type AskedOptions = {
  readonly header?: Headers;
  readonly gateway: string;
  readonly port?: number;
  readonly meshDomain: string;
};

/** `<method> <url>` and what else an edge knows of a request. */
export const requestArguments = (command: Command): Command =>
  command
    .argument("<method>", "GET, POST, …", parseMethod)
    .argument("<url>", "of a Gateway's host; or of a service: http://NAME.NAMESPACE[:PORT]/…", parseUrl)
    .addOption(new Option("-H, --header <name: value>", "a header of the request; repeatable").argParser(parseHeader))
    .addOption(new Option("--gateway <namespace/name>", "the one Gateway that the edge serves").default("", "all"))
    .addOption(
      new Option("--port <number>", "the listener port that the edge stands for; without it, the URL's").argParser(
        parsePort,
      ),
    )
    .addOption(new Option("--mesh-domain <domain>", "the edge's MESH_DOMAIN").default("mesh.internal"));

/** `caller` is a namespace, or empty. The Host header, where one is given, says more than the URL. */
export function askedFor(
  method: string,
  url: URL,
  { header = new Headers(), port, gateway, meshDomain }: AskedOptions,
  caller: string,
): Asked {
  const given = header.get("host");
  const named = given === null ? url : URL.parse(`${url.protocol}//${given}`);
  if (!named) throw usage(`the Host header is not a host: ${given}`);
  header.set("host", named.host);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const urlPort = Number(named.port) || undefined;
  return {
    method,
    scheme,
    host: named.host,
    hostname: named.hostname,
    pathname: url.pathname,
    search: url.search,
    urlPort,
    port: port ?? urlPort ?? (scheme === "https" ? 443 : 80),
    gateway,
    caller,
    domain: meshDomain,
    header: (name) => header.get(name),
    query: (name) => url.searchParams.get(name),
  };
}

function parseMethod(text: string): string {
  if (!/^[A-Za-z-]+$/.test(text)) throw new InvalidArgumentError("A method is a word such as GET.");
  return text.toUpperCase();
}

function parseUrl(text: string): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError("It is no http:// or https:// URL.");
  return url;
}

function parseHeader(text: string, before: Headers = new Headers()): Headers {
  const colon = text.indexOf(":");
  try {
    if (colon > 0) before.append(text.slice(0, colon), text.slice(colon + 1).trim());
  } catch {
    throw new InvalidArgumentError("That is no header.");
  }
  if (colon <= 0) throw new InvalidArgumentError("Write it as 'name: value'.");
  return before;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError("A port is 1 to 65535.");
  return port;
}
