/**
 * Who asked for which change, and what became of it. An entry is there before its change is: what a commit changes, the commit's
 * own transaction tells; for everything else an entry is begun first, and if it cannot be, nothing is changed.
 */
import type { AuditEntry, AuditResponse, ChangesResponse } from "../../mesh/api.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import type { DeniedAttempt } from "../../durable-objects/audit-log.ts";
import type { Caller } from "./auth.ts";
import { config, type Env } from "./env.ts";
import { answerTo, Refusal } from "./refusal.ts";
import { auditQuery, changesQuery, queryOf } from "./request.ts";

/** What a handler says of what it was asked for. Never a secret. */
export type Tell = (detail: AuditEntry["detail"]) => void;

const COMMITS: ReadonlySet<string> = new Set(["apply", "delete", "rollback"]);

/** The last part of a route's path, by which the log names it. */
export const actionOf = (path: string): string => path.replace(/^\/v1\//, "");

export async function audited(
  env: Env,
  { name: who, role }: Caller,
  action: string,
  run: (tell: Tell) => Promise<Response>,
): Promise<Response> {
  const attempt = { at: Date.now(), who, role, action };
  const commits = COMMITS.has(action);
  let id: number | undefined;
  if (!commits) id = await config(env).beginAttempt(attempt);
  let detail: AuditEntry["detail"] = {};
  const response = await run((told) => (detail = told)).catch(answerTo);
  const { status } = response;
  const outcome = response.ok ? "done" : status < 500 ? "refused" : "failed";
  const result = { outcome, status, epoch: null, detail } as const;
  try {
    if (id !== undefined) await config(env).endAttempt(id, result);
    // A rehearsal changes nothing, whatever comes of it.
    else if (outcome !== "done" && detail["dryRun"] !== true) await config(env).addAttempt(attempt, result);
  } catch (error) {
    // What was done is done: the entry says that it was begun.
    console.error("audit log", error);
  }
  return response;
}

const TELL_EVERY_MS = 5000;
const MOST_KINDS = 100;

/** Counts an attempt that was not let in. Told together, later: whoever guesses costs the object next to nothing. */
export function countDenied(
  env: Env,
  { who, role, action }: Pick<DeniedAttempt, "who" | "role" | "action">,
  later: (work: Promise<unknown>) => void,
): void {
  const { denied } = env.memory;
  const now = Date.now();
  const key = `${who} ${action}`;
  const known = denied.attempts.get(key);
  if (!known && denied.attempts.size >= MOST_KINDS) return;
  denied.attempts.set(key, { at: known?.at ?? now, who, role, action, count: (known?.count ?? 0) + 1 });
  if (now < denied.tellingUntil) return;
  denied.tellingUntil = now + 2 * TELL_EVERY_MS;
  later(tellDenied(env));
}

async function tellDenied(env: Env): Promise<void> {
  const { denied } = env.memory;
  await scheduler.wait(TELL_EVERY_MS);
  const attempts = [...denied.attempts.values()];
  denied.attempts.clear();
  denied.tellingUntil = 0;
  await config(env).addDenied(attempts);
}

export async function audit(request: Request, env: Env): Promise<Response> {
  const stored = await config(env).audit(queryOf(request, auditQuery));
  const items = stored.map((entry) => ({ ...entry, detail: JSON.parse(entry.detail) as AuditEntry["detail"] }));
  return Response.json({ items } satisfies AuditResponse);
}

export async function changes(request: Request, env: Env): Promise<Response> {
  const { epoch } = queryOf(request, changesQuery);
  const head = await config(env).head();
  if (epoch > head.epoch) throw new Refusal("not-found", { detail: `There is no epoch ${epoch}.` });
  const found = await config(env).changesOf(epoch);
  const read = (body: string | null) => (body === null ? null : (JSON.parse(body) as Resource));
  const items = found.map(({ before, after }) => ({ before: read(before), after: read(after) }));
  return Response.json({ epoch, items } satisfies ChangesResponse);
}
