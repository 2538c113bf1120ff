import { MESH_HEADERS } from "../../../mesh/headers.ts";
import { addressOf, type Backend } from "../../../mesh/snapshot.ts";
import type { MakeLayer } from "../layer.ts";

/** Whatever answers the call names the endpoint that it was sent to last; a call that was sent to none says nothing. */
export const exposeEndpoint =
  (backends: readonly Backend[]): MakeLayer<"expose-endpoint"> =>
  ({ backend }) => {
    const addresses = backends[backend]!.endpoints.map(addressOf); // decode proved the index
    return (next) => (call) => {
      const before = call.onAnswer;
      call.onAnswer = (headers) => {
        before?.(headers);
        const address = addresses[call.place.endpoint ?? -1];
        if (call.progress.sent && address !== undefined) headers.set(MESH_HEADERS.endpoint, address);
      };
      return next(call);
    };
  };
