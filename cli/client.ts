/** Control's HTTP API as the commands see it: a value comes back, or a Failure that says what to do. */
import type { Command } from "commander";
import type { ApiProblem } from "../mesh/api.ts";
import { findConnection, type Connection, type ConnectionOptions } from "./connection.ts";
import { EXIT, Failure } from "./failure.ts";
import { countProblems, problemLines } from "./problems.ts";
import { printable } from "./terminal.ts";

export type Control = {
  readonly url: string;
  /** `path` begins after `/v1`. */
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string, body: object, options?: { readonly ifMatch?: number }): Promise<Answer>;
};

/** A read should be quick; an apply compiles everything and writes it. In milliseconds. */
const GET_TIMEOUT = 10_000;
const POST_TIMEOUT = 60_000;

type GlobalOptions = ConnectionOptions & { readonly requestTimeout?: number };

export async function connect(command: Command): Promise<Control> {
  const options = command.optsWithGlobals<GlobalOptions>();
  return controlAt(await findConnection(options, process.env, process.cwd()), options.requestTimeout);
}

export function controlAt(connection: Connection, timeoutMs?: number): Control {
  const url = connection.url.href.replace(/\/$/, "");
  return {
    url,
    get: async <Answer>(path: string) =>
      (await call(connection, "GET", `${url}/v1${path}`, timeoutMs ?? GET_TIMEOUT)) as Answer,
    post: async <Answer>(path: string, body: object, { ifMatch }: { readonly ifMatch?: number } = {}) =>
      (await call(connection, "POST", `${url}/v1${path}`, timeoutMs ?? POST_TIMEOUT, body, ifMatch)) as Answer,
  };
}

async function call(
  connection: Connection,
  method: string,
  url: string,
  timeoutMs: number,
  body?: object,
  ifMatch?: number,
): Promise<unknown> {
  const headers = new Headers({ accept: "application/json, application/problem+json" });
  if (connection.token !== undefined) headers.set("authorization", `Bearer ${connection.token}`);
  if (ifMatch !== undefined) headers.set("if-match", `"${ifMatch}"`);
  if (body) headers.set("content-type", "application/json");
  // A redirect is not followed: it would carry the token, or an apply, to a place that nobody named.
  const init = { method, headers, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) } as const;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, body ? { ...init, body: JSON.stringify(body) } : init);
    text = await response.text();
  } catch (error) {
    throw unreachable(connection, error, timeoutMs);
  }
  const answer = parse(text);
  if (response.ok && answer) return answer;
  throw refused(connection, response, answer as Partial<ApiProblem> | undefined, text);
}

function unreachable({ url, from }: Connection, error: unknown, timeoutMs: number): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reason =
    error instanceof Error && error.name === "TimeoutError"
      ? `no answer within ${timeoutMs / 1000} s`
      : ({ ECONNREFUSED: "connection refused", ENOTFOUND: "no such host", ECONNRESET: "connection reset" }[code] ??
        (code || String(cause instanceof Error ? cause.message : cause)));
  const advice = from.endsWith("local.json")
    ? "is npm start still running?"
    : "is it running, and is the address right? selvedge context show says where it came from";
  return new Failure(`cannot reach control at ${url.origin} (${from}): ${reason}; ${advice}`);
}

function refused(
  { url, from, token }: Connection,
  response: Response,
  problem: Partial<ApiProblem> | undefined,
  text: string,
): Failure {
  const where = `control at ${url.origin}`;
  const { status } = response;
  if (status === 401)
    return new Failure(
      token === undefined
        ? `${where} (${from}) wants a token: set SELVEDGE_TOKEN, or store one with selvedge context add`
        : `${where} (${from}) does not accept this token`,
    );
  if (status >= 300 && status < 400)
    return new Failure(
      `${where} redirects to ${printable(response.headers.get("location") ?? "elsewhere")}; name that URL if it is the one you mean`,
    );
  if (problem?.code === undefined)
    return new Failure(
      `${where} (${from}) answered ${status}, and not as a Selvedge control plane does: ${printable(text.slice(0, 200)) || "empty body"}`,
    );
  if (problem.code === "epoch-mismatch")
    return new Failure(
      `epoch ${problem.epoch} is in force, not the one you built on: look at selvedge diff, then try again with --if-match ${problem.epoch}`,
    );
  const detail = printable(problem.detail ?? problem.title ?? "");
  if (problem.code === "invalid-configuration") {
    const problems = problem.problems ?? [];
    return new Failure(
      `${countProblems(problems) || detail}; nothing was changed`,
      EXIT.unparsable,
      problemLines(problems),
    );
  }
  return new Failure(`${where} answered ${status} ${problem.code}: ${detail}`);
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
