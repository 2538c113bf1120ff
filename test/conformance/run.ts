/** Runs cases against one mesh: configuration through the control API, requests over sockets, verdicts by `judge`. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ApiProblem, ChangeResponse, ResourcesResponse, SourceFile } from "../../mesh/api.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import { controlClient, type ControlClient, pause, serves, TOKEN } from "../support/mesh.ts";
import { bootGrain, type Grain } from "../support/grain.ts";
import { freePort } from "../support/ports.ts";
import { missing } from "./abilities.ts";
import type { Case, CaseRequest, Failure, Observation, Update } from "./case.ts";
import { observe } from "./client.ts";
import { isByChance, judge } from "./judge.ts";
import { judgeStatus } from "./judge-status.ts";
import { Manifests } from "./manifests.ts";
import { patched } from "./patch.ts";
import { Sockets } from "./sockets.ts";
import { Workloads } from "./workloads.ts";

export type Verdict = {
  readonly id: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** What does not hold, or why it was skipped. */
  readonly reasons: readonly string[];
  /** Only things fell short that the upstream tests do not assert. */
  readonly derivedOnly?: true;
  /** What was judged, for those who judge it again. */
  readonly judged: readonly Judged[];
};
type Judged = {
  readonly request: CaseRequest;
  readonly observations: readonly Observation[];
  readonly failures: readonly Failure[];
};

/** "These Secrets exist though no manifest has them" (the cases' README). */
const CERTIFICATES: readonly string[] = [
  ...["tls-validity-checks", "tls-checks", "tls-passthrough-checks", "tls-terminate-checks"].map(
    (name) => `gateway-conformance-infra/${name}-certificate`,
  ),
  "gateway-conformance-web-backend/certificate",
];

/** Runs `cases`, whose manifests are in `folder`, and tells each verdict as it falls. */
export async function run(
  folder: string,
  cases: readonly Case[],
  grain: Grain,
  tell: (verdict: Verdict) => void,
): Promise<void> {
  const manifests = new Manifests(folder);
  const runnable = cases.filter((one) => missing(one) === undefined);
  const workloads = new Workloads();
  const paths = new Set(runnable.flatMap((one) => one.manifests));
  await workloads.start([...paths].flatMap((path) => manifests.documents(path)));
  const dir = await mkdtemp(join(tmpdir(), "selvedge-conformance-"));
  const sockets = await Sockets.for(
    runnable,
    workloads.instances.map(({ address }) => address),
  );
  const port = await freePort();
  const mesh = await bootGrain(grain, {
    dir,
    control: { port, token: TOKEN, certificates: CERTIFICATES },
    edges: sockets.edges,
    lookEveryMs: 50,
  });
  try {
    const running = new Running(controlClient(port, []), manifests, workloads, sockets);
    for (const one of cases) {
      const reason = missing(one);
      tell(
        reason === undefined
          ? await running.verdict(one)
          : { id: one.id, outcome: "skipped", reasons: [reason], judged: [] },
      );
    }
  } finally {
    await mesh.dispose();
    await workloads.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

class Running {
  readonly #control: ControlClient;
  readonly #manifests: Manifests;
  readonly #workloads: Workloads;
  readonly #sockets: Sockets;
  /** The configuration in force, by what it was made of. */
  #inForce = "";
  #epoch = 0;

  constructor(control: ControlClient, manifests: Manifests, workloads: Workloads, sockets: Sockets) {
    this.#control = control;
    this.#manifests = manifests;
    this.#workloads = workloads;
    this.#sockets = sockets;
  }

  async verdict(one: Case): Promise<Verdict> {
    const judged: Judged[] = [];
    const reasons: string[] = [];
    try {
      await this.#configure(one);
      const jar = one.cookieJar ? new Map<string, string>() : undefined;
      for (const request of one.requests) judged.push(await this.#judged(request, jar));
      reasons.push(...judgeStatus(one, hasStatus(one) ? await this.#resources() : []));
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
    const failures = judged.flatMap((each) => each.failures);
    const derivedOnly = reasons.length === 0 && failures.length > 0 && failures.every(({ derived }) => derived);
    reasons.push(
      ...new Set(failures.map(({ field, message, derived }) => `${field}: ${message}${derived ? " (derived)" : ""}`)),
    );
    const outcome = reasons.length === 0 ? "passed" : "failed";
    return { id: one.id, outcome, reasons, judged, ...(derivedOnly && { derivedOnly }) };
  }

  /** Each case starts from its own manifests alone; cases of the same ones share what they need not change. */
  async #configure(one: Case): Promise<void> {
    const key = JSON.stringify([one.manifests, one.setup]);
    if (key !== this.#inForce || one.applyFirst) {
      this.#inForce = "";
      // Emptied first: a resource that stayed would keep its age, which decides between equal routes.
      await this.#apply([]);
      await this.#apply(this.#manifests.files(one, this.#workloads.instances));
      if (one.applyFirst) await this.#serving(one);
      for (const update of one.applyFirst ?? []) await this.#update(update);
      if (!one.applyFirst) this.#inForce = key;
    }
    await this.#serving(one);
  }

  async #apply(files: readonly SourceFile[], prune = true): Promise<void> {
    await this.#change("/v1/apply", { files, prune });
  }

  async #update(update: Update): Promise<void> {
    const { kind, namespace, name } = update.resource;
    if (update.op === "delete") return this.#change("/v1/delete", { refs: [{ kind, namespace, name }] });
    const { items } = (
      await this.#control.call("GET", `/v1/resources?${new URLSearchParams({ kind, namespace, name }).toString()}`)
    ).json as ResourcesResponse;
    if (!items[0]) throw new Error(`there is no ${kind} ${namespace}/${name} to patch`);
    return this.#apply([{ name: "patch.yaml", text: stringify(patched(items[0], update.jsonPatch)) }], false);
  }

  async #change(path: string, body: object): Promise<void> {
    const { status, json } = await this.#control.call("POST", path, body);
    if (status !== 200) {
      const { title, problems = [] } = json as ApiProblem;
      throw new Error(
        [
          `control answered ${status}: ${title}`,
          ...problems
            .filter(({ severity }) => severity === "error")
            .map(({ resource, path: at, message }) => `${resource} ${at}: ${message}`),
        ].join("; "),
      );
    }
    this.#epoch = (json as ChangeResponse).epoch;
  }

  async #serving({ requests }: Case): Promise<void> {
    for (const port of new Set(requests.map((request) => this.#sockets.of(request).port)))
      await serves(port, this.#epoch);
  }

  async #resources(): Promise<readonly Resource[]> {
    return ((await this.#control.call("GET", "/v1/resources")).json as ResourcesResponse).items;
  }

  /** Where chance has a part, the best of as many runs as the case allows. */
  async #judged(request: CaseRequest, jar: Map<string, string> | undefined): Promise<Judged> {
    const { distribution, statusDistribution, mirrorDistribution = [] } = request.expected;
    const runs = Math.max(
      1,
      ...[distribution, statusDistribution, ...mirrorDistribution].map((chance) => chance?.maxAttempts ?? 1),
    );
    for (let left = runs; ; left--) {
      const attempt = withUuid(request, randomUUID());
      const observations = await this.#observations(attempt, jar);
      const failures = judge(attempt, observations);
      if (left <= 1 || failures.length === 0 || !failures.every(isByChance))
        return { request: attempt, observations, failures };
    }
  }

  async #observations(request: CaseRequest, jar: Map<string, string> | undefined): Promise<Observation[]> {
    const { distribution, statusDistribution, mirrorDistribution } = request.expected;
    const follow = request.session?.follow ?? 0;
    const times = distribution?.requests ?? statusDistribution?.requests ?? request.repeat ?? 1 + follow;
    const observations: Observation[] = [];
    this.#workloads.calls = [];
    let token: Readonly<Record<string, string>> = {};
    for (let count = 0; count < times; count++) {
      const jitter =
        request.jitterHeader !== undefined && Math.random() < 0.5
          ? { [request.jitterHeader]: String(Math.floor(Math.random() * 1e9)) }
          : {};
      const seen = await this.#once(request, { ...jitter, ...token, ...cookiesOf(jar) });
      observations.push(seen);
      for (const line of seen.headers["set-cookie"] ?? []) keep(jar, line);
      if (count === 0 && request.session) token = tokenOf(request.session.carry, seen);
    }
    if (mirrorDistribution) {
      const counted = this.#workloads.calls.length;
      await pause(LATE_MIRRORS_MS);
      const late = this.#workloads.calls.slice(counted);
      const last = observations.pop();
      if (last) observations.push({ ...last, calls: [...last.calls, ...late] });
    }
    return observations;
  }

  #once(request: CaseRequest, headers: Readonly<Record<string, string>>): Promise<Observation> {
    const { port, prefix } = this.#sockets.of(request);
    return observe(
      { ...request, port, path: prefix + request.path, headers: { ...request.headers, ...headers } },
      this.#workloads,
    );
  }
}

/** A mirrored request may arrive after the answer. */
const LATE_MIRRORS_MS = 300;

const hasStatus = (one: Case): boolean =>
  [
    one.expectedConditions,
    one.expectedListeners,
    one.expectedNoAcceptedParents,
    one.expectedZeroAttachedRoutes,
    one.expectedAttachedListenerSets,
  ].some((expected) => expected !== undefined);

const withUuid = (request: CaseRequest, uuid: string): CaseRequest =>
  JSON.parse(JSON.stringify(request).replaceAll("{uuid}", uuid)) as CaseRequest;

const cookiesOf = (jar: ReadonlyMap<string, string> | undefined): Record<string, string> =>
  jar && jar.size > 0 ? { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") } : {};

function keep(jar: Map<string, string> | undefined, line: string): void {
  const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
  if (jar && name !== undefined && value !== undefined) jar.set(name.trim(), value.trim());
}

/** What the follow-ups carry: every cookie of the first response, or the header that is named. */
function tokenOf(carry: string, { headers }: Observation): Record<string, string> {
  if (carry === "cookie") {
    const jar = new Map<string, string>();
    for (const line of headers["set-cookie"] ?? []) keep(jar, line);
    return cookiesOf(jar);
  }
  const name = carry.replace(/^header:/, "");
  const value = headers[name.toLowerCase()]?.[0];
  return value === undefined ? {} : { [name]: value };
}
