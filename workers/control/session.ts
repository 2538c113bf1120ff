/**
 * The session of a browser: the token in a cookie that no script can read. A request that carries it counts only if the
 * dashboard's own page made it, or a page elsewhere could act in the operator's name.
 */
import { z } from "zod";
import type { SessionResponse } from "../../mesh/api.ts";
import type { Caller } from "./auth.ts";
import { answer } from "./refusal.ts";
import { bodyOf } from "./request.ts";

/** Scripts of other origins cannot set it without asking first, and control allows no one. */
const PAGE_HEADER = "selvedge-dashboard";
const DAY_S = 86_400;

const signIn = z.union([
  z.strictObject({ token: z.string().regex(/^[\x21-\x7e]{1,4096}$/, "is not a token") }),
  z.strictObject({ code: z.string().max(256) }),
]);

/** The `Authorization` that a request has, or that its session stands for; null without either. */
export function authorizationOf(request: Request): string | null {
  const header = request.headers.get("authorization");
  if (header !== null || !isOfPage(request)) return header;
  const { name } = cookieOf(request);
  const cookies = (request.headers.get("cookie") ?? "").split(";").map((cookie) => cookie.trim());
  const value = cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);
  return value === undefined ? null : `Bearer ${decoded(value)}`;
}

/** `POST /session {"token"}` or, by `tokenBehind`, `{"code"}`; `callerOf` says whether control knows the token. */
export async function openSession(
  request: Request,
  callerOf: (authorization: string) => Promise<Caller | Response>,
  tokenBehind: (code: string) => Promise<string | Response>,
): Promise<Response> {
  if (!isOfPage(request)) return notOfPage();
  const given = await bodyOf(request, signIn);
  const token = "token" in given ? given.token : await tokenBehind(given.code);
  if (token instanceof Response) return token;
  const caller = await callerOf(`Bearer ${token}`);
  return caller instanceof Response ? caller : answerWith(request, encodeURIComponent(token), DAY_S);
}

/**
 * `GET /v1/session`: whether the request's session is open, so that a page can ask without being refused. Below /v1, where the
 * cookie goes.
 */
export async function readSession(
  request: Request,
  callerOf: (authorization: string | null) => Promise<Caller | Response>,
): Promise<Response> {
  const caller = await callerOf(authorizationOf(request));
  if (caller instanceof Response && caller.status !== 401) return caller;
  return Response.json({ open: !(caller instanceof Response) } satisfies SessionResponse);
}

/** `DELETE /session` */
export const closeSession = (request: Request): Response =>
  isOfPage(request) ? answerWith(request, "", 0) : notOfPage();

const notOfPage = (): Response =>
  answer("unauthorized", { detail: "Sessions are for the dashboard's own page; others send an Authorization header." });

function isOfPage(request: Request): boolean {
  if (request.headers.get(PAGE_HEADER) === null) return false;
  const origin = request.headers.get("origin");
  // Browsers leave Origin out of same-origin reads alone.
  if (origin === null) return request.method === "GET" || request.method === "HEAD";
  return URL.parse(origin)?.host === new URL(request.url).host;
}

/**
 * Over https the name's prefix keeps other hosts of the domain from setting it. Over http, that is on loopback, ports share
 * cookies: below /v1 it at least does not go to every page of an edge beside control.
 */
const cookieOf = (request: Request): { readonly name: string; readonly attributes: string } =>
  new URL(request.url).protocol === "https:"
    ? { name: "__Host-selvedge", attributes: "Path=/; Secure; HttpOnly; SameSite=Strict" }
    : { name: "selvedge", attributes: "Path=/v1; HttpOnly; SameSite=Strict" };

function answerWith(request: Request, value: string, maxAgeS: number): Response {
  const { name, attributes } = cookieOf(request);
  const cookie = `${name}=${value}; Max-Age=${maxAgeS}; ${attributes}`;
  return new Response(null, { status: 204, headers: { "set-cookie": cookie } });
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return "";
  }
}
