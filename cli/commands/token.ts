import { Option, type Command } from "commander";
import type { ApiToken, ApiTokensResponse, SecretResponse } from "../../mesh/api.ts";
import { ROLES, type Role } from "../../mesh/role.ts";
import { connect } from "../client.ts";
import { age, parseDuration } from "../duration.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";

export function tokenCommand(program: Command): void {
  const token = program.command("token").description("who may speak to control, and what they may do");

  const create = token
    .command("create <name>")
    .description("a new token; prints its secret, this once")
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).makeOptionMandatory())
    .addOption(new Option("--expires <duration>", "for how long it is good (720h)").argParser(parseDuration))
    .action(async (name: string, { role, expires }: { readonly role: Role; readonly expires?: number }) => {
      const body = { name, role, ...(expires !== undefined && { expiresInMs: expires }) };
      print(`${(await (await connect(create)).post<SecretResponse>("/tokens", body)).secret}\n`);
    });

  const list = token
    .command("list")
    .description("the tokens there are, without their secrets")
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async ({ output }: { readonly output: "table" | "json" | "yaml" }) => {
      const { items } = await (await connect(list)).get<ApiTokensResponse>("/tokens");
      if (output === "json") return printJson("Tokens", { items });
      if (output === "yaml") return printYaml("Tokens", { items });
      if (items.length === 0) return say("No tokens yet: selvedge token create <name> --role viewer");
      return print(table(columns(Date.now()), items));
    });

  const revoke = token
    .command("revoke <name>")
    .description("control takes it no longer")
    .action(async (name: string) => {
      await (await connect(revoke)).post("/tokens/revoke", { name });
      say(`${name} revoked`);
    });
}

const columns = (now: number): readonly Column<ApiToken>[] => [
  { header: "NAME", cell: ({ name }) => name },
  { header: "ROLE", cell: ({ role }) => role },
  { header: "EXPIRES", cell: ({ expires }) => expiry(expires, now) },
  { header: "AGE", cell: ({ created }) => age(now - created) },
];

function expiry(expires: number | undefined, now: number): string {
  if (expires === undefined) return "never";
  return expires > now ? `in ${age(expires - now)}` : "expired";
}
