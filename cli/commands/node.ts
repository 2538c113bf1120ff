import { resolve } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import { isLoopback } from "../connection.ts";
import { parseDuration } from "../duration.ts";
import { Failure } from "../failure.ts";
import { print, say } from "../terminal.ts";

type Address = { readonly host: string; readonly port: number };
type Listener = { readonly scheme: "http" | "https"; readonly port: number };

type Options = {
  readonly dir: string;
  readonly listen: Address;
  readonly controlListen: Address;
  readonly listener: Listener;
  readonly meshDomain: string;
  readonly zone: string;
  readonly allowReserved?: true;
  readonly trustedProxies: number;
  readonly newToken?: true;
  /** Milliseconds. */
  readonly drain: number;
};

export function nodeCommand(program: Command): void {
  const node = program
    .command("node")
    .description("runs a mesh on this machine: edge, control and state on workerd, kept in one folder")
    .option("--dir <folder>", "what the node keeps, and nothing else", "selvedge-node")
    .addOption(address("--listen <address>", "the edge's socket, ADDRESS:PORT or PORT", 8787))
    .addOption(address("--control-listen <address>", "control's socket, ADDRESS:PORT or PORT", 8788))
    .addOption(
      new Option("--listener <scheme:port>", "the Gateway listener that the edge's socket stands for")
        .argParser(parseListener)
        .default({ scheme: "http", port: 80 } satisfies Listener, "http:80"),
    )
    .option("--mesh-domain <domain>", "services answer at SERVICE.NAMESPACE.DOMAIN", "mesh.internal")
    .option("--zone <name>", "the zone of this machine, as Backends name those of their endpoints", "")
    .option("--allow-reserved", "endpoints may be loopback, link-local and metadata addresses: a laptop's services")
    .addOption(
      new Option("--trusted-proxies <count>", "proxies of yours before the edge, whose X-Forwarded-For is believed")
        .argParser(parseCount)
        .default(0),
    )
    .addOption(
      new Option("--drain <duration>", "how long requests may take to end when the node is stopped")
        .argParser(parseDuration)
        .default(10_000, "10s"),
    )
    .option("--new-token", "make the operator's token anew; the one before is good no longer")
    .action(run);
  const backup = node
    .command("backup <folder>")
    .description(
      "copies what the node of --dir keeps into an empty folder, on which a node starts; it may run meanwhile",
    )
    .action(async (to: string) => {
      const { backupNode, BackupRefused } = await import("../../local/backup.ts");
      const { dir } = backup.optsWithGlobals<Options>();
      try {
        const files = await backupNode(resolve(dir), resolve(to));
        say(`${files} files of objects copied to ${resolve(to)}`);
      } catch (error) {
        if (error instanceof BackupRefused) throw new Failure(error.message);
        throw error;
      }
    });
}

async function run(options: Options): Promise<void> {
  const { listen: edge, controlListen: control, dir, drain, ...rest } = options;
  const node = await started({
    ...rest,
    edge,
    control,
    dir: resolve(dir),
    allowReserved: options.allowReserved ?? false,
    newToken: options.newToken ?? false,
  });
  const { promise: asked, resolve: ask } = Promise.withResolvers<"asked">();
  let isAsked = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      // The second one means it.
      if (isAsked) void node.stop(0);
      isAsked = true;
      ask("asked");
    });
  print(welcome(options, node));
  const why = await Promise.race([asked, node.broken]);
  if (why === "asked") return node.stop(drain);
  await node.stop(0);
  throw new Failure(
    `workerd ended by itself (${why}); what is in ${dir} is as it was, and selvedge node goes on from there`,
  );
}

/** workerd and the bundler are loaded by this command alone. */
async function started(options: Parameters<typeof import("../../local/node.ts").startNode>[0]) {
  const [{ startNode }, { AlreadyRunning }, { PortInUse }] = await Promise.all([
    import("../../local/node.ts"),
    import("../../local/folder.ts"),
    import("../../local/mesh.ts"),
  ]);
  try {
    return await startNode(options);
  } catch (error) {
    if (error instanceof AlreadyRunning)
      throw new Failure(`${error.message}; stop it, or name another folder with --dir`);
    if (error instanceof PortInUse)
      throw new Failure(`${error.message}; stop what holds it, or take others with --listen and --control-listen`);
    throw new Failure(`the node does not start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function welcome(
  { listen, controlListen, dir }: Options,
  { epoch, token }: { readonly epoch: number; readonly token: string | undefined },
): string {
  const url = `http://${at(controlListen)}`;
  const inForce = epoch > 0 ? `serving epoch ${epoch}` : "nothing is applied yet";
  return [
    `node in ${resolve(dir)}, ${inForce}`,
    `  edge     http://${at(listen)}`,
    `  control  ${url}  (the dashboard as well)`,
    ...(isLoopback(controlListen.host)
      ? []
      : [
          "           plain http, on an address that others reach: put TLS in front of it before a token crosses a network",
        ]),
    ...(token === undefined
      ? []
      : [
          `  token    ${token}`,
          "           an admin's, shown this once and kept nowhere. Write it to a file that only you can read, then",
          `           selvedge context add node --control ${url} --token-file FILE`,
        ]),
    "",
  ].join("\n");
}

const at = ({ host, port }: Address): string => `${host}:${port}`;

const address = (flags: string, description: string, port: number): Option =>
  new Option(flags, description)
    .argParser(parseAddress)
    .default({ host: "127.0.0.1", port } satisfies Address, `127.0.0.1:${port}`);

function parseAddress(value: string): Address {
  const [, host = "127.0.0.1", port = ""] = /^(?:(\[[\da-f:]+\]|[^:[\]\s]*):)?(\d{1,5})$/i.exec(value) ?? [];
  if (port === "") throw new InvalidArgumentError("Write it as ADDRESS:PORT (0.0.0.0:8787, [::1]:8787) or PORT.");
  return { host: host === "" ? "*" : host, port: parsePort(port) };
}

function parseListener(value: string): Listener {
  const [, scheme, port = ""] = /^(https?):(\d{1,5})$/.exec(value) ?? [];
  if (scheme !== "http" && scheme !== "https") throw new InvalidArgumentError("Write it as http:80 or https:443.");
  return { scheme, port: parsePort(port) };
}

function parsePort(value: string): number {
  const port = Number(value);
  if (port < 1 || port > 65_535) throw new InvalidArgumentError("A port is 1 to 65535.");
  return port;
}

function parseCount(value: string): number {
  if (!/^\d{1,2}$/.test(value)) throw new InvalidArgumentError("Write a number, such as 1.");
  return Number(value);
}
