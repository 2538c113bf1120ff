/** A bypass is a TrafficPolicy like any other, `bypass-<kind>-<name>` beside its target: in the history, in diffs, and gone with a delete. */
import { InvalidArgumentError, Option, type Command } from "commander";
import type { ApplyRequest, ChangeResponse, DeleteRequest, ResourcesResponse } from "../../mesh/api.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { connect, type Control } from "../client.ts";
import { age, parseDuration } from "../duration.ts";
import { Failure } from "../failure.ts";
import { outputOption, printJson } from "../output.ts";
import { table, type Column } from "../table.ts";
import { print, say } from "../terminal.ts";
import { waitForEdges, waitOptions } from "../wait.ts";

type Name = { readonly name: string; readonly namespace: string };
type Options = {
  /** Milliseconds. */
  readonly for: number;
  readonly message?: string;
  readonly wait?: true;
  readonly timeout: number;
};

const LONGEST_MS = 86_400_000;

export function bypassCommand(program: Command): void {
  const bypass = program
    .command("bypass")
    .description("takes the mesh out of a service's way for a while: no limits, breakers, retries, timeouts")
    .argument("<service>", "NAME.NAMESPACE of a Service, or of a Backend", parseName)
    .addOption(new Option("--for <duration>", "how long, at most a day").argParser(parseFor).default(600_000, "10m"))
    .option("-m, --message <text>", "why, for the history");
  waitOptions(bypass).action(async (service: Name, options: Options) => {
    const control = await connect(bypass);
    const until = new Date(Date.now() + options.for);
    const file = { name: "selvedge bypass", text: JSON.stringify(policyFor(await targetOf(control, service), until)) };
    const { message = `Bypass ${titleOf(service)} for ${age(options.for)}` } = options;
    const { author, printChanges } = await import("../changes.ts");
    const request: ApplyRequest = { files: [file], message, ...author() };
    const answer = await control.post<ChangeResponse>("/apply", request);
    printChanges(answer, false);
    say(`${titleOf(service)} is without limits, breakers, retries and timeouts until ${until.toISOString()}.`);
    say(
      `Who may call it, and what is carried out once, stays. selvedge bypass end ${titleOf(service)} ends it earlier.`,
    );
    if (options.wait) await waitForEdges(control, answer, options.timeout);
  });

  const list = bypass
    .command("list")
    .description("what is bypassed, and for how long")
    .addOption(outputOption(["table", "json"]))
    .action(async ({ output }: { readonly output: "table" | "json" }) => {
      const items = await bypasses(await connect(list));
      if (output === "json") return printJson("Bypasses", { items });
      if (items.length === 0) return say("Nothing is bypassed.");
      return print(table(columns(Date.now()), items));
    });

  const end = bypass
    .command("end")
    .description("the mesh is in the service's way again")
    .argument("<service>", "NAME.NAMESPACE", parseName)
    .action(async (service: Name) => {
      const control = await connect(end);
      const found = (await bypasses(control)).filter(({ targets }) =>
        targets.some((target) => isCalled(target, service)),
      );
      if (found.length === 0) throw new Failure(`nothing bypasses ${titleOf(service)}: selvedge bypass list`);
      const { author, deleted, printChanges } = await import("../changes.ts");
      const refs = found.map(({ namespace, policy: name }) => ({ kind: "TrafficPolicy", namespace, name }));
      const request: DeleteRequest = { refs, message: `End the bypass of ${titleOf(service)}`, ...author() };
      printChanges(await control.post<ChangeResponse>("/delete", request), false, deleted);
    });
}

type Target = { readonly kind: string; readonly name: string; readonly namespace: string };
type Bypassed = {
  readonly namespace: string;
  readonly policy: string;
  readonly targets: readonly Target[];
  readonly until: string;
};

/** A Service goes before the Backend of its name, as its address does. */
async function targetOf(control: Control, { name, namespace }: Name): Promise<Target> {
  for (const kind of ["Service", "Backend"]) {
    const query = new URLSearchParams({ kind, namespace, name });
    const { items } = await control.get<ResourcesResponse>(`/resources?${query.toString()}`);
    if (items.length > 0) return { kind, name, namespace };
  }
  throw new Failure(`there is no Service and no Backend ${namespace}/${name}`);
}

const policyFor = ({ kind, name, namespace }: Target, until: Date) => ({
  apiVersion: "mesh.selvedge.dev/v1alpha1",
  kind: "TrafficPolicy",
  metadata: { name: `bypass-${kind.toLowerCase()}-${name}`, namespace },
  spec: {
    targetRefs: [{ group: kind === "Service" ? "" : "mesh.selvedge.dev", kind, name }],
    bypass: { until: until.toISOString() },
  },
});

async function bypasses(control: Control): Promise<Bypassed[]> {
  const { items } = await control.get<ResourcesResponse>("/resources?kind=TrafficPolicy");
  return (items as readonly (Resource & { readonly spec?: PolicySpec })[]).flatMap(({ metadata, spec }) => {
    const { name: policy, namespace = "" } = metadata;
    if (!spec?.bypass) return [];
    const targets = spec.targetRefs.map(({ kind, name }) => ({ kind, name, namespace }));
    return { namespace, policy, targets, until: spec.bypass.until };
  });
}

type PolicySpec = {
  readonly targetRefs: readonly { readonly kind: string; readonly name: string }[];
  readonly bypass?: { readonly until: string };
};

const columns = (now: number): readonly Column<Bypassed>[] => [
  { header: "NAMESPACE", cell: ({ namespace }) => namespace },
  { header: "BYPASSED", cell: ({ targets }) => targets.map(({ kind, name }) => `${kind}/${name}`).join(", ") },
  { header: "ENDS", cell: ({ until }) => (Date.parse(until) > now ? `in ${age(Date.parse(until) - now)}` : "over") },
  { header: "POLICY", cell: ({ policy }) => policy },
];

const isCalled = (target: Target, { name, namespace }: Name): boolean =>
  (target.kind === "Service" || target.kind === "Backend") && target.name === name && target.namespace === namespace;

const titleOf = ({ name, namespace }: Name): string => `${name}.${namespace}`;

function parseName(value: string): Name {
  const [, name, namespace] = /^([a-z\d-]+)\.([a-z\d-]+)$/.exec(value) ?? [];
  if (name === undefined || namespace === undefined)
    throw new InvalidArgumentError("Write it as NAME.NAMESPACE, such as payments.shop.");
  return { name, namespace };
}

function parseFor(value: string): number {
  const ms = parseDuration(value);
  if (ms > LONGEST_MS) throw new InvalidArgumentError("A bypass lasts a day at most.");
  return ms;
}
