/** By which an operator asks a running edge why. The Identity object's key signs it, so that edges can tell without asking anyone. */
import type { DebugResponse } from "../../mesh/api.ts";
import { DEBUG_MS } from "../../mesh/identity.ts";
import type { Caller } from "./auth.ts";
import { type Env, identities } from "./env.ts";
import { bodyOf } from "./request.ts";
import { z } from "zod";

const nothing = z.strictObject({});

export async function makeDebugToken(request: Request, env: Env, { name }: Caller): Promise<Response> {
  await bodyOf<z.output<typeof nothing>>(request, nothing);
  const token = await identities(env).debugToken(name);
  return Response.json({ token, expiresInSeconds: DEBUG_MS / 1000 } satisfies DebugResponse);
}
