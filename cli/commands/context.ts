import { resolve } from "node:path";
import type { Command } from "commander";
import { controlUrl, findConnection, type ConnectionOptions } from "../connection.ts";
import { contextNamed, readContexts, writeContexts, type Context } from "../contexts.ts";
import { usage } from "../failure.ts";
import { outputOption, printJson } from "../output.ts";
import { STDIN, readSources } from "../sources.ts";
import { table } from "../table.ts";
import { print, say } from "../terminal.ts";

export function contextCommand(program: Command): void {
  const context = program.command("context").description("the control planes you know");
  listContexts(context);
  showContext(context);
  addContext(context);
  useContext(context);
  removeContext(context);
}

function listContexts(parent: Command): void {
  parent
    .command("list")
    .description("all of them; * marks the current one")
    .addOption(outputOption(["table", "json", "name"]))
    .action(async ({ output }: { readonly output: "table" | "json" | "name" }) => {
      const { current, contexts } = await readContexts(process.env);
      const items = Object.entries(contexts).map(([name, each]) => ({
        name,
        current: name === current,
        ...shown(each),
      }));
      if (output === "json") return printJson("ContextList", { items });
      if (output === "name") return print(items.map(({ name }) => `${name}\n`).join(""));
      if (items.length === 0) return say("No contexts: add one with selvedge context add NAME --control URL.");
      return print(
        table(
          [
            { header: "CURRENT", cell: (item) => (item.current ? "*" : " ") },
            { header: "NAME", cell: (item) => item.name },
            { header: "CONTROL", cell: (item) => item.control },
            { header: "TOKEN", cell: (item) => item.token },
          ],
          items,
        ),
      );
    });
}

function showContext(parent: Command): void {
  const command = parent
    .command("show")
    .description("one of them, or the control plane that commands speak to here and now")
    .argument("[name]")
    .addOption(outputOption(["table", "json"]))
    .action(async (name: string | undefined, { output }: { readonly output: "table" | "json" }) => {
      const body =
        name === undefined
          ? await inForce(command)
          : { name, ...shown(contextNamed(await readContexts(process.env), name)) };
      if (output === "json") return printJson("Context", body);
      return print(
        Object.entries(body)
          .map(([key, value]) => `${`${key}:`.padEnd(10)}${value}\n`)
          .join(""),
      );
    });
}

async function inForce(command: Command): Promise<Record<string, string>> {
  const { url, token, from } = await findConnection(
    command.optsWithGlobals<ConnectionOptions>(),
    process.env,
    process.cwd(),
  );
  return { control: url.href.replace(/\/$/, ""), from, token: token === undefined ? "none" : "set" };
}

type AddOptions = ConnectionOptions & { readonly tokenFile?: string; readonly tokenStdin?: true };

function addContext(parent: Command): void {
  const command = parent
    .command("add")
    .description("store a control plane (--control URL) and its token, and make the first one current")
    .argument("<name>")
    .option("--token-file <path>", "read the token from this file each time; it is not copied")
    .option("--token-stdin", "store the token that stdin has; else SELVEDGE_TOKEN is stored, if set")
    .action(async (name: string) => {
      const options = command.optsWithGlobals<AddOptions>();
      if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
        throw usage(`"${name}": a context's name is letters, digits, '-', '_' and '.'`);
      if (options.control === undefined) throw usage("name the control plane: --control URL");
      const control = controlUrl(options.control, "--control").href.replace(/\/$/, "");
      const all = await readContexts(process.env);
      const contexts = { ...all.contexts, [name]: { control, ...(await givenToken(options)) } };
      await writeContexts(process.env, { current: all.current ?? name, contexts });
      say(
        `context ${name} ${Object.hasOwn(all.contexts, name) ? "changed" : "added"}${(all.current ?? name) === name ? ", and current" : ""}`,
      );
    });
}

/** A token is never an argument: arguments show in process lists and shell histories. */
async function givenToken({ tokenFile, tokenStdin }: AddOptions): Promise<Pick<Context, "token" | "tokenFile">> {
  if (tokenFile !== undefined && tokenStdin) throw usage("either --token-file or --token-stdin");
  if (tokenFile !== undefined) return { tokenFile: resolve(tokenFile) };
  const token = tokenStdin
    ? (await readSources(["-"])).find(({ name }) => name === STDIN)?.text
    : process.env["SELVEDGE_TOKEN"];
  return token?.trim() ? { token: token.trim() } : {};
}

function useContext(parent: Command): void {
  parent
    .command("use")
    .description("make one the current")
    .argument("<name>")
    .action(async (name: string) => {
      const all = await readContexts(process.env);
      contextNamed(all, name);
      await writeContexts(process.env, { ...all, current: name });
      say(`context ${name} is current`);
    });
}

function removeContext(parent: Command): void {
  parent
    .command("remove")
    .description("forget one, and its token")
    .argument("<name>")
    .action(async (name: string) => {
      const all = await readContexts(process.env);
      contextNamed(all, name);
      const contexts = Object.fromEntries(Object.entries(all.contexts).filter(([each]) => each !== name));
      await writeContexts(
        process.env,
        all.current === name || all.current === undefined ? { contexts } : { current: all.current, contexts },
      );
      say(`context ${name} removed${all.current === name ? "; none is current now" : ""}`);
    });
}

const shown = ({ control, token, tokenFile }: Context): { readonly control: string; readonly token: string } => ({
  control,
  token: tokenFile ?? (token === undefined ? "none" : "stored"),
});
