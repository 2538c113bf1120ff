/** How control says no: one class for refusals, one switch to the wire. */
import type { ApiProblem } from "../../mesh/api.ts";
import type { Problem } from "../../mesh/problem.ts";

const KINDS: Readonly<Record<ApiProblem["code"], { readonly status: number; readonly title: string }>> = {
  unauthorized: { status: 401, title: "A valid token is required" },
  "too-many-guesses": { status: 429, title: "Too many wrong secrets were sent" },
  forbidden: { status: 403, title: "This token's role does not allow this" },
  "not-found": { status: 404, title: "Not found" },
  "invalid-request": { status: 400, title: "The request is malformed" },
  "invalid-configuration": { status: 422, title: "The configuration has errors; nothing was changed" },
  "epoch-mismatch": { status: 412, title: "Another epoch is in force" },
  "too-large": { status: 413, title: "The request is too large" },
  unavailable: { status: 503, title: "Control cannot do this right now" },
  internal: { status: 500, title: "Control failed" },
};

type Particulars = {
  readonly detail?: string;
  readonly problems?: readonly Problem[];
  readonly epoch?: number;
};
type Wire = { readonly status?: number; readonly headers?: Readonly<Record<string, string>> };

/** Thrown by whatever cannot go on; `index.ts` alone catches it. */
export class Refusal extends Error {
  readonly response: () => Response;

  constructor(code: ApiProblem["code"], particulars: Particulars = {}, wire: Wire = {}) {
    super(particulars.detail ?? KINDS[code].title);
    this.response = () => answer(code, particulars, wire);
  }
}

/** The one form of every error answer (RFC 9457). */
export function answer(code: ApiProblem["code"], particulars: Particulars = {}, wire: Wire = {}): Response {
  const { status, title } = { ...KINDS[code], ...wire };
  const problem: ApiProblem = { type: `urn:selvedge:control:${code}`, title, status, code, ...particulars };
  return new Response(JSON.stringify(problem), {
    status,
    headers: { "content-type": "application/problem+json", ...wire.headers },
  });
}

/** The answer to whatever was thrown. What was not meant as a refusal goes to the log, not to the caller. */
export function answerTo(error: unknown): Response {
  if (error instanceof Refusal) return error.response();
  console.error(error);
  // Set by the runtime on errors of a stub: the object is overloaded, moving or being deployed.
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  if (!retryable && !overloaded) return answer("internal");
  const detail = "A state object did not answer. A change may or may not have been made; `selvedge history` tells.";
  return answer("unavailable", { detail }, { headers: { "retry-after": "1" } });
}
