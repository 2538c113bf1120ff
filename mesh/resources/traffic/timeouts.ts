import { z } from "zod";
import { duration, milliseconds } from "../parts.ts";

/** `0s` means none. */
export const timeouts = z
  .strictObject({
    /** From the edge's receipt of the request to the response's headers, all tries and waits included. */
    request: duration.optional(),
    /** From the sending of one try to its response's headers. */
    try: duration.optional(),
    /** From the sending of one try to the first byte of its response's body. The headers wait for it. */
    firstByte: duration.optional(),
    /** Between two bytes of the response's body. */
    idle: duration.optional(),
    /** From the response's headers to the end of its body. */
    body: duration.optional(),
  })
  .superRefine(({ request = "0s", ...one }, context) => {
    for (const name of ["try", "firstByte"] as const)
      if (milliseconds(request) > 0 && milliseconds(one[name] ?? "0s") > milliseconds(request))
        context.addIssue({ code: "custom", path: [name], message: "must not be longer than request" });
  });
