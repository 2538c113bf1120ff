/** What mirrors answered otherwise than primaries did: how often, and a few samples. */
import type { MirrorsResponse } from "../../mesh/api.ts";
import { addedUp, type MirrorTally } from "../../mesh/telemetry/mirror-tally.ts";
import { collectors, type Env } from "./env.ts";
import { mirrorsQuery, queryOf } from "./request.ts";

/** A collector that does not answer is left out, and said to be. */
export async function mirrors(request: Request, env: Env): Promise<Response> {
  const { name = "" } = queryOf(request, mirrorsQuery);
  const answers = await Promise.all(
    collectors(env).map(async (collector): Promise<readonly MirrorTally[] | undefined> => {
      try {
        return await collector.mirrors();
      } catch (error) {
        console.error(error);
        return undefined;
      }
    }),
  );
  const told = answers.filter((answer) => answer !== undefined);
  const items = addedUp(told.flat()).filter(({ rule, mirror }) => rule.includes(name) || mirror.includes(name));
  return Response.json({ items, missing: answers.length - told.length } satisfies MirrorsResponse);
}
