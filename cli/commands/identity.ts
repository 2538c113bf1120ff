import type { Command } from "commander";
import type { Pointer, SecretResponse, TokenResponse, Workload, WorkloadsResponse } from "../../mesh/api.ts";
import { connect, controlAt } from "../client.ts";
import { findConnection } from "../connection.ts";
import { age } from "../duration.ts";
import { Failure, usage } from "../failure.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { type Column, table } from "../table.ts";
import { print, say } from "../terminal.ts";

export function identityCommand(program: Command): void {
  const identity = program.command("identity").description("workloads, and the keys that vouch for them");

  const list = identity
    .command("list")
    .description("the mesh's workloads")
    .addOption(outputOption(["table", "json", "yaml"]))
    .action(async ({ output }: { readonly output: "table" | "json" | "yaml" }) => {
      const { trustDomain, items } = await (await connect(list)).get<WorkloadsResponse>("/identity/workloads");
      if (output === "json") return printJson("Workloads", { trustDomain, items });
      if (output === "yaml") return printYaml("Workloads", { trustDomain, items });
      if (items.length === 0) return say("No workloads yet: selvedge identity add <namespace>/<name>");
      return print(table(columns(trustDomain, Date.now()), items));
    });

  const add = identity
    .command("add <namespace/name>")
    .description("a new workload; prints its bootstrap secret, this once")
    .action(async (workload: string) => {
      const { secret } = await (await connect(add)).post<SecretResponse>("/identity/workloads", named(workload));
      print(secret);
    });

  const renew = identity
    .command("renew <namespace/name>")
    .description("a new bootstrap secret; the one before is good for an hour more")
    .action(async (workload: string) => {
      const { secret } = await (await connect(renew)).post<SecretResponse>("/identity/renew", named(workload));
      print(secret);
    });

  const revoke = identity
    .command("revoke <namespace/name>")
    .description("nothing that the workload was given counts any longer")
    .action(async (workload: string) => {
      const { epoch } = await (await connect(revoke)).post<Pointer>("/identity/revoke", named(workload));
      say(`${workload} revoked; edges know with epoch ${epoch}`);
    });

  const rotate = identity
    .command("rotate-keys")
    .description("sign with new keys from now on; what the old ones signed stays good until it expires")
    .option("--drop", "what the old keys signed counts no longer: for a key that was stolen")
    .action(async ({ drop = false }: { readonly drop?: boolean }) => {
      const { epoch } = await (await connect(rotate)).post<Pointer>("/identity/rotate-keys", { drop });
      say(`keys rotated; edges know with epoch ${epoch}`);
    });

  const token = identity
    .command("token")
    .description("a short-lived token for the workload whose bootstrap secret is in SELVEDGE_WORKLOAD_SECRET")
    .action(async () => {
      const secret = process.env["SELVEDGE_WORKLOAD_SECRET"];
      if (!secret) throw new Failure("set SELVEDGE_WORKLOAD_SECRET to the workload's bootstrap secret");
      const connection = await findConnection(token.optsWithGlobals(), process.env, process.cwd());
      print((await controlAt({ ...connection, token: secret }).post<TokenResponse>("/identity/token", {})).token);
    });
}

function named(workload: string): { readonly namespace: string; readonly name: string } {
  const [namespace = "", name = "", ...more] = workload.split("/");
  if (namespace === "" || name === "" || more.length > 0) throw usage(`"${workload}" is not <namespace>/<name>`);
  return { namespace, name };
}

const columns = (trustDomain: string, now: number): readonly Column<Workload>[] => [
  { header: "NAMESPACE", cell: ({ namespace }) => namespace },
  { header: "NAME", cell: ({ name }) => name },
  { header: "STATE", cell: ({ revoked }) => (revoked === undefined ? "Active" : `Revoked ${age(now - revoked)} ago`) },
  { header: "AGE", cell: ({ created }) => age(now - created) },
  { header: "SPIFFE ID", cell: ({ namespace, name }) => `spiffe://${trustDomain}/ns/${namespace}/sa/${name}` },
];
