import type { MakeLayer } from "../layer.ts";
import { changedPath } from "../../../mesh/path-change.ts";

/** Gateway API's HTTPURLRewriteFilter: what the upstream sees differs from what the caller asked for. */
export const rewrite: MakeLayer<"rewrite"> =
  ({ hostname, path }) =>
  (next) =>
  (call) => {
    if (hostname !== undefined) {
      call.host = hostname;
      call.headers.set("x-forwarded-host", hostname);
    }
    if (path) call.path = changedPath(call, path);
    return next(call);
  };
