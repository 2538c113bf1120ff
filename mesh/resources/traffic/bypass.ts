import { z } from "zod";

/** Takes limits, breakers, retries, timeouts and what else deals with load and failures out of the way, for a while. */
export const bypass = z.strictObject({
  /** When it ends, whoever forgets it: RFC 3339, such as `2026-12-01T18:00:00Z`. */
  until: z.iso.datetime({ offset: true, error: "must be a time such as 2026-12-01T18:00:00Z (RFC 3339)" }),
});
