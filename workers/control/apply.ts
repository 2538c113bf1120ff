/** Apply, delete and rollback are one thing: a plan over the epoch in force, compiled in full, and only then committed. */
import type { ApplyRequest, ChangeResponse, DeleteRequest, Pointer, RollbackRequest } from "../../mesh/api.ts";
import { canonicalJson } from "../../mesh/canonical.ts";
import { reservedAddresses } from "../../mesh/compile/egress.ts";
import { type Plan, planApply, planDelete, planRollback, resultOf, tally } from "../../mesh/plan.ts";
import { byPlace, type Problem } from "../../mesh/problem.ts";
import { readFiles } from "../../mesh/resources/read.ts";
import { keyOf, type Resource } from "../../mesh/resources/resource.ts";
import type { Tell } from "./audit.ts";
import type { Caller } from "./auth.ts";
import { config, type Env } from "./env.ts";
import { identityView, isNewest } from "./identity-view.ts";
import { announce, mend, newestElsewhere, putSnapshot } from "./publish.ts";
import { Refusal } from "./refusal.ts";
import { signerOf } from "./signing.ts";
import { applyRequest, baseOf, bodyOf, deleteRequest, rollbackRequest } from "./request.ts";
import { keep, meshAt, meshInForce } from "./mesh.ts";
import { type Compiled, compiled } from "./snapshot.ts";

/** With n rivals one of them wins each round; more than this at once and a caller is told to come back. */
const MAX_TRIES = 40;

/** Of what a refused change named, for the audit log. */
const MOST_TOLD = 20;

type Proposal = Plan & {
  readonly problems?: readonly Problem[];
  /** Of what compiling the whole mesh found, what this change is to be told. */
  readonly concerning?: (found: readonly Problem[]) => readonly Problem[];
};
type Asked = Pick<ApplyRequest, "dryRun" | "author" | "message"> & { readonly action: "apply" | "delete" | "rollback" };

export async function apply(request: Request, env: Env, caller: Caller, tell: Tell): Promise<Response> {
  const asked = await bodyOf<ApplyRequest>(request, applyRequest);
  tell({
    dryRun: asked.dryRun,
    files: asked.files.slice(0, MOST_TOLD).map((file) => file.name),
    message: asked.message,
  });
  const { resources, problems, locate } = readFiles(asked.files);
  refuseErrors(problems);
  // Warnings about what these files do not touch are `selvedge analyze`'s to tell; errors stand in the way of everyone.
  const concerning: Proposal["concerning"] = (found) =>
    found.map(locate).filter(({ at, resource, severity }) => at ?? (resource === undefined || severity === "error"));
  return change(request, env, caller, { ...asked, action: "apply" }, (current) => ({
    ...planApply(current, resources, { prune: asked.prune ?? false, now: Date.now() }),
    problems,
    concerning,
  }));
}

/** Named for its route; `delete` is no name for a function. */
export async function remove(request: Request, env: Env, caller: Caller, tell: Tell): Promise<Response> {
  const asked = await bodyOf<DeleteRequest>(request, deleteRequest);
  tell({ dryRun: asked.dryRun, refs: asked.refs.slice(0, MOST_TOLD), message: asked.message });
  return change(request, env, caller, { ...asked, action: "delete" }, (current) => planDelete(current, asked.refs));
}

export async function rollback(request: Request, env: Env, caller: Caller, tell: Tell): Promise<Response> {
  const {
    to,
    message = `Roll back to epoch ${to}`,
    ...asked
  } = await bodyOf<RollbackRequest>(request, rollbackRequest);
  tell({ dryRun: asked.dryRun, to, message });
  const old = await meshAt(env, to);
  if (!old) throw new Refusal("not-found", { detail: `There is no epoch ${to}.` });
  return change(request, env, caller, { ...asked, message, action: "rollback" }, (current) =>
    planRollback(current, old.resources),
  );
}

/**
 * Commits what `propose` makes of the mesh in force. Losing against another commit means working the plan out again on
 * what that one left, so no change is lost and none is half of one; with If-Match it is refused instead.
 */
async function change(
  request: Request,
  env: Env,
  caller: Caller,
  asked: Asked,
  propose: (current: readonly Resource[]) => Proposal,
): Promise<Response> {
  const wanted = baseOf(request);
  await signerOf(env);
  let known = env.memory.identity;
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    if (attempt > 0) await scheduler.wait(Math.random() * 10 * Math.min(attempt, 10));
    const { epoch: base, hash, resources } = await meshInForce(env);
    if (wanted !== undefined && wanted !== base) throw new Refusal("epoch-mismatch", { epoch: base });

    const plan = propose(resources);
    const next = await compiled(env, plan.resources, known.identity);
    const refused = env.ALLOW_RESERVED === "true" ? [] : reservedAddresses(plan.resources);
    const all = [...next.problems, ...refused];
    const found = plan.concerning?.(all) ?? all;
    const problems = [...(plan.problems ?? []), ...found].toSorted(byPlace);
    refuseErrors(problems);
    const results = plan.changes.map((step) => resultOf(step, asked.dryRun ?? false));

    const differs = plan.changes.some(({ action }) => action !== "unchanged");
    // A newer control may compile the same resources to another snapshot: that is a change, though of no resource.
    const changed = differs || (base > 0 && next.hash !== hash);
    if (!changed && !asked.dryRun) {
      const mended = await mend(env, { epoch: base, hash });
      return answer({ ...mended, changed, results, problems: [...problems, ...mended.problems] });
    }

    if (asked.dryRun || (await config(env).head()).epoch === base) {
      // A revocation must not be undone by resources that were compiled without it.
      if (changed && !(await isNewest(env, known))) {
        known = await identityView(env);
        continue;
      }
      if (asked.dryRun) return answer({ epoch: base, hash, changed, results, problems });
      await storeSnapshot(env, next, { epoch: base, hash });
      const { message = "" } = asked;
      // Who it was is what the token says; what a client calls itself stands beside it.
      const author = asked.author === undefined ? caller.name : `${caller.name} (${asked.author})`;
      const committed = await config(env).commit({
        base,
        above: await newestElsewhere(env),
        hash: next.hash,
        author,
        action: asked.action,
        role: caller.role,
        message,
        at: Date.now(),
        ...edits(plan),
        ...tally(plan.changes),
      });
      if (committed.ok) {
        const now = { epoch: committed.epoch, hash: next.hash };
        keep(env, { ...now, resources: plan.resources });
        const warnings = await announce(env, now);
        return answer({ ...now, changed, results, problems: [...problems, ...warnings] });
      }
    }
  }
  const detail = "Too many changes at once. Nothing of this one was made; try again.";
  throw new Refusal("unavailable", { detail }, { headers: { "retry-after": "1" } });
}

async function storeSnapshot(env: Env, next: Compiled, { epoch, hash }: Pointer): Promise<void> {
  try {
    await putSnapshot(env, next, hash);
  } catch (error) {
    console.error(error);
    const detail = `KV did not take the snapshot. Nothing was changed: epoch ${epoch} stays in force. Try again.`;
    throw new Refusal("unavailable", { detail, epoch }, { headers: { "retry-after": "1" } });
  }
}

function edits({ changes }: Plan): { puts: { key: string; body: string }[]; deletes: string[] } {
  const puts: { key: string; body: string }[] = [];
  const deletes: string[] = [];
  for (const step of changes) {
    if (step.action === "deleted") deletes.push(keyOf(step.before));
    else if (step.action !== "unchanged") puts.push({ key: keyOf(step.after), body: canonicalJson(step.after) });
  }
  return { puts, deletes };
}

function refuseErrors(problems: readonly Problem[]): void {
  if (problems.some(({ severity }) => severity === "error")) throw new Refusal("invalid-configuration", { problems });
}

const answer = (response: ChangeResponse): Response =>
  Response.json(response, { headers: { etag: `"${response.epoch}"` } });
