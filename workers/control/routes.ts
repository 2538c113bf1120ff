/** What holders of a token may ask for. There is nothing for anyone else: not even that a path does not exist. */
import type { Role } from "../../mesh/role.ts";
import { apply, remove, rollback } from "./apply.ts";
import { audit, changes, type Tell } from "./audit.ts";
import type { Caller } from "./auth.ts";
import { breakers, hold } from "./breakers.ts";
import { check } from "./check.ts";
import { makeDebugToken } from "./debug.ts";
import type { Env } from "./env.ts";
import { addWorkload, renewWorkload, revokeWorkload, rotateKeys, workloads } from "./identity.ts";
import { limits, reset } from "./limits.ts";
import { exposition, metrics } from "./metrics.ts";
import { mirrors } from "./mirrors.ts";
import { publishNow } from "./publish.ts";
import { edges, history, resources, snapshot } from "./read.ts";
import { makeSignIn } from "./sign-in.ts";
import { createToken, revokeToken, tokens } from "./tokens.ts";

type Handler = (request: Request, env: Env, caller: Caller, tell: Tell) => Promise<Response>;

/** Each with the role that it takes. */
export const FOR_OPERATORS: readonly (readonly [method: "GET" | "POST", path: string, role: Role, handler: Handler])[] =
  [
    ["POST", "/v1/apply", "editor", apply],
    ["POST", "/v1/delete", "editor", remove],
    ["POST", "/v1/rollback", "editor", rollback],
    ["POST", "/v1/publish", "editor", async (_request, env) => Response.json(await publishNow(env))],
    ["GET", "/v1/resources", "viewer", resources],
    ["GET", "/v1/history", "viewer", history],
    ["GET", "/v1/changes", "viewer", changes],
    ["GET", "/v1/audit", "admin", audit],
    ["GET", "/v1/edges", "viewer", edges],
    ["GET", "/v1/snapshot", "viewer", snapshot],
    ["GET", "/v1/check", "viewer", check],
    ["GET", "/v1/breakers", "viewer", breakers],
    ["POST", "/v1/breakers", "editor", hold],
    ["GET", "/v1/limits", "viewer", limits],
    ["POST", "/v1/limits/reset", "editor", reset],
    ["GET", "/v1/mirrors", "viewer", mirrors],
    ["GET", "/v1/metrics", "viewer", metrics],
    ["GET", "/metrics", "viewer", exposition],
    ["GET", "/v1/identity/workloads", "viewer", workloads],
    ["POST", "/v1/identity/workloads", "admin", addWorkload],
    ["POST", "/v1/identity/renew", "admin", renewWorkload],
    ["POST", "/v1/identity/revoke", "admin", revokeWorkload],
    ["POST", "/v1/identity/rotate-keys", "admin", rotateKeys],
    ["POST", "/v1/debug", "viewer", makeDebugToken],
    ["POST", "/v1/sign-in", "viewer", makeSignIn],
    ["GET", "/v1/tokens", "admin", tokens],
    ["POST", "/v1/tokens", "admin", createToken],
    ["POST", "/v1/tokens/revoke", "admin", revokeToken],
  ];
