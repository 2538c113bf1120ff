import { InvalidArgumentError, Option, type Command } from "commander";
import type { MetricsResponse, ResourcesResponse } from "../../mesh/api.ts";
import type { Observed } from "../../mesh/explain/least-privilege.ts";
import { identity, identityOf, type Identity } from "../../mesh/identity.ts";
import type { Claims } from "../../mesh/policies/authorize-clause.ts";
import { askedFor, type AskedOptions, requestArguments } from "../asked.ts";
import { authorizationRecord, authorizationText } from "../authorization.ts";
import { connect } from "../client.ts";
import { compiledFiles, compiledInForce } from "../compiled.ts";
import { parseDuration } from "../duration.ts";
import { EXIT, usage } from "../failure.ts";
import { filenameOption } from "../options.ts";
import { outputOption, printJson, printYaml } from "../output.ts";
import { print, say } from "../terminal.ts";

type CheckOptions = AskedOptions & {
  readonly filename?: readonly string[];
  readonly as?: string;
  readonly trustDomain: string;
  readonly through: readonly string[];
  readonly claims?: Claims;
  readonly client: string;
  readonly output: "text" | "json" | "yaml";
};

export function authzCommand(program: Command): void {
  const authz = program.command("authz").description("who may call what, and what AuthorizationPolicies to write");

  const check = requestArguments(authz.command("check"))
    .description(
      "why a caller may make a request or may not, and what would change it; nothing is sent. Exit code 1 if it may not",
    )
    .addOption(filenameOption("what these resources would do, without a control plane; repeatable"))
    .option("--as <namespace/name>", "the workload that calls, or its SPIFFE ID; without it, nobody")
    .addOption(new Option("--trust-domain <domain>", "of the mesh's workloads").default("mesh.internal"))
    .addOption(
      new Option("--through <SPIFFE ID>", "a workload through which the call came to its caller; repeatable")
        .argParser((id: string, before: readonly string[]) => [...before, id])
        .default([], "none"),
    )
    .addOption(new Option("--claims <json>", "of a token that is good; without it, no token").argParser(parseClaims))
    .addOption(new Option("--client <address>", "of whoever opened the connection").default("", "unknown"))
    .addOption(outputOption(["text", "json", "yaml"]))
    .action(async (method: string, url: URL, options: CheckOptions) => {
      const { compiled, epoch } = options.filename
        ? { compiled: await compiledFiles(options.filename), epoch: null }
        : await compiledInForce(await connect(check));
      const { checkAuthorization } = await import("../../mesh/explain/authorization.ts");
      const caller = options.as === undefined ? undefined : workload(options.as, options.trustDomain);
      const asked = askedFor(method, url, options, caller?.namespace ?? "");
      const headers = new Headers(options.header);
      if (options.client !== "") headers.append("x-forwarded-for", options.client);
      const { through: chain, claims, client } = options;
      const found = checkAuthorization(compiled, asked, { identity: caller, chain, claims, client, headers });
      const record = authorizationRecord(asked, caller?.spiffe ?? "", found, epoch);
      if (found.verdict !== "allowed") process.exitCode = EXIT.failed;
      if (options.output === "json") return printJson("AuthorizationCheck", record);
      if (options.output === "yaml") return printYaml("AuthorizationCheck", record);
      return print(authorizationText(record));
    });

  const suggest = authz
    .command("suggest [namespace/name]")
    .description(
      "AuthorizationPolicies on dry run that allow what was observed, of every service or of this one; YAML for selvedge apply",
    )
    .addOption(new Option("--since <duration>", "how far back").argParser(parseDuration).default(24 * 3_600_000, "24h"))
    .action(async (service: string | undefined, { since }: { readonly since: number }) => {
      const control = await connect(suggest);
      const to = Math.ceil(Date.now() / 1000);
      const query = `by=caller,backend,route,rule,method,class&from=${to - Math.ceil(since / 1000)}&to=${to}`;
      const [{ groups, missing }, { items }, { leastPrivilege }, { model }, { resourcesYaml }] = await Promise.all([
        control.get<MetricsResponse>(`/metrics?${query}`),
        control.get<ResourcesResponse>("/resources"),
        import("../../mesh/explain/least-privilege.ts"),
        import("../../mesh/compile/model.ts"),
        import("../../mesh/resources/to-yaml.ts"),
      ]);
      const calls = groups
        .map(({ labels, total }): Observed => ({ ...UNKNOWN, ...labels, requests: total.requests }))
        .filter(({ backend }) => service === undefined || backend.replace(/:\d+$/, "").endsWith(`/${service}`));
      const { policies, anonymous, unnamed } = leastPrivilege(model(items), calls);
      for (const { backend, requests } of anonymous)
        say(`${backend} was called ${requests} times by nobody who proved who it is: its policy lets anyone do that.`);
      if (unnamed > 0) say(`${unnamed} calls are known by their number alone, and may be missing from these policies.`);
      if (missing > 0)
        say(`${missing} of the collectors did not answer: what they know is missing from these policies.`);
      if (policies.length === 0) return say("No call was observed that a policy could allow.");
      return print(resourcesYaml(policies).trimEnd());
    });
}

const UNKNOWN = { caller: "", backend: "", route: "", rule: "", method: "", class: "5xx" } as const;

function workload(text: string, trustDomain: string): Identity {
  if (text.startsWith("spiffe://")) {
    const found = identityOf(text.split("/")[2] ?? "", text);
    if (!found) throw usage(`${text} is not spiffe://<trust domain>/ns/<namespace>/sa/<name>`);
    return found;
  }
  const [namespace = "", name = "", ...more] = text.split("/");
  if (namespace === "" || name === "" || more.length > 0) throw usage(`"${text}" is not <namespace>/<name>`);
  return identity(trustDomain, namespace, name);
}

function parseClaims(text: string): Claims {
  try {
    const claims: unknown = JSON.parse(text);
    if (typeof claims === "object" && claims !== null && !Array.isArray(claims)) return claims as Claims;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('Write claims as a JSON object: {"iss": "https://issuer.example", "sub": "bob"}.');
}
