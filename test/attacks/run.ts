/** Serves the contexts of a case file, sends each case's bytes, and judges what came of them. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MESH_HEADERS } from "../../mesh/headers.ts";
import { controlClient, pause, TOKEN } from "../support/mesh.ts";
import { bootGrain, type Grain } from "../support/grain.ts";
import { freePort } from "../support/ports.ts";
import type { Case, CaseFile, Level } from "./case.ts";
import { exchange } from "./client.ts";
import { ONE_LINE, runtimeFloor } from "./floor.ts";
import { judge, type Seen, type Verdict } from "./judge.ts";
import { Origin } from "./origin.ts";

export type Result = Verdict & {
  readonly id: string;
  readonly group: string;
  readonly level: Level;
  /** What the runtime did before any code ran, where that decided the case. */
  readonly floor?: string;
};

/** The name that cases use for the product's own trusted header, which is what services are told of their caller; also as CGI spells it. */
const TRUSTED_HEADER = /x([-_])mesh[-_]identity/gi;
const ours = (_: string, separator: string): string => MESH_HEADERS.caller.replaceAll("-", separator);

export async function run(given: CaseFile, grain: Grain, tell: (result: Result) => void): Promise<void> {
  const file = JSON.parse(JSON.stringify(given).replace(TRUSTED_HEADER, ours)) as CaseFile;
  const origins = Object.keys(file.origins.ports).map((name) => new Origin(name, file.origins.behaviours));
  for (const origin of origins) await origin.listen(file.origins.ports[origin.name]!); // its own key
  const dir = await mkdtemp(join(tmpdir(), "selvedge-attacks-"));
  const [control, edge, bare] = [await freePort(), await freePort(), await freePort()];
  const mesh = await bootGrain(grain, {
    dir,
    control: { port: control, token: TOKEN },
    // The contexts' upstreams see the Host of the request, and nothing that the local runtime adds to what goes out through fetch.
    edges: [
      {
        name: "attacked",
        port: edge,
        hostPreserving: Object.values(file.origins.ports).map((port) => `127.0.0.1:${port}`),
      },
    ],
    neighbours: [{ name: "one-line", port: bare, code: ONE_LINE }],
    lookEveryMs: 50,
  });
  try {
    await controlClient(control, [edge]).applied(contexts(file));
    for (const one of file.cases) {
      const verdict = await verdictOf(file, one, edge, origins);
      const floor = verdict.broken.length > 0 ? await runtimeFloor(bare, one) : undefined;
      const { id, group, level } = one;
      tell({ id, group, level, ...verdict, ...(floor !== undefined && { floor }) });
    }
  } finally {
    await mesh.dispose();
    for (const origin of origins) origin.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function contexts({ origins: { ports }, fixtures: { issuer, audience, jwks } }: CaseFile): string {
  const values: Readonly<Record<string, unknown>> = { ...ports, issuer, audience, jwks: JSON.stringify(jwks) };
  return readFileSync(new URL("contexts.yaml", import.meta.url), "utf8").replace(
    /\$(A|S|issuer|audience|jwks)\b/g,
    (_, name: string) => String(values[name]),
  );
}

async function verdictOf(file: CaseFile, one: Case, port: number, origins: readonly Origin[]): Promise<Verdict> {
  for (const origin of origins) origin.forget();
  const exchanged = await (one.connections ? inTurn(port, one, one.connections) : sent(port, one));
  await pause(one.settle_ms ?? 40);
  const seen: Seen = {
    ...exchanged,
    requests: origins.flatMap(({ requests }) => requests).toSorted((a, b) => a.at - b.at),
    garbage: origins.flatMap(({ garbage }) => garbage),
  };
  const verdict = judge(one.expect, seen);
  const watched = one.expect.canary ?? ["framing", "response"].includes(one.group);
  const poisoned = watched ? await canaries(file, one, port) : [];
  return { ...verdict, broken: [...verdict.broken, ...poisoned] };
}

const sent = (port: number, { raw_request, steps, want_responses = 1, max_ms = 3500 }: Case) =>
  exchange(port, steps ?? [{ bytes: raw_request ?? "" }], want_responses, max_ms);

/** One connection after the other; the first answer of each. */
async function inTurn(port: number, { max_ms = 5000 }: Case, connections: readonly string[]) {
  const all = [];
  for (const bytes of connections) all.push(await exchange(port, [{ bytes }], 1, max_ms));
  const nothing = { status: 0, fields: [], malformed: [], body: "", complete: false };
  return {
    text: all.map(({ text }) => text).join(""),
    responses: all.map(({ responses }) => responses.find(({ status }) => status === 0 || status >= 200) ?? nothing),
    ms: Math.max(...all.map(({ ms }) => ms)),
    marks: [],
  };
}

/** Whoever comes afterwards must get the answer to its own request. */
async function canaries({ canary_host }: CaseFile, { id }: Case, port: number): Promise<string[]> {
  for (const count of [0, 1]) {
    const target = `/canary-${id}-${count}`;
    const bytes = `GET ${target} HTTP/1.1\r\nHost: ${canary_host}\r\n\r\n`;
    const { responses } = await exchange(port, [{ bytes }], 1, 2500);
    const answer = responses.find(({ status }) => status >= 200);
    if (answer?.status !== 200 || !answer.body.includes(target))
      return [`afterwards another request got ${answer?.status ?? "nothing"}`];
  }
  return [];
}
