import type { DeniedAttempt } from "../../durable-objects/audit-log.ts";
import type { StoredToken } from "../../durable-objects/config.ts";
import type { Status } from "../../mesh/compile/status.ts";
import type { Pointer } from "../../mesh/api.ts";
import type { Memo } from "../../mesh/compile/memo.ts";
import type { Encoded } from "../../mesh/published.ts";
import type { Resource } from "../../mesh/resources/resource.ts";
import type { Guesses } from "../../mesh/guesses.ts";
import type { MeshIdentity } from "../../mesh/identity.ts";

/** What snapshots are to say of identities. It changes seldom, and every apply needs it. */
export type IdentityView = { readonly version: string; readonly identity: MeshIdentity | undefined };

/** Resources of it that stay stay the same objects, by which compile knows them. */
export type Mesh = Pointer & { readonly resources: readonly Resource[] };

/** What one isolate of control remembers between requests: plain data, lost with the isolate. */
export type Memory = {
  /** What was applied, if it is not too large to be kept. */
  mesh: Mesh | undefined;
  /** Of one change after another, each takes over what the one before compiled. */
  compiled: { readonly memo: Memo; readonly published: Encoded } | undefined;
  /** All API tokens, and when they were asked for, in milliseconds since 1970. */
  tokens: { readonly at: number; readonly list: readonly StoredToken[] } | undefined;
  /** Attempts that were not let in, by caller and thing, until the log is told; and until when a request waits to tell it. */
  readonly denied: { readonly attempts: Map<string, DeniedAttempt>; tellingUntil: number };
  /** Wrong secrets of late, by whom they came from. */
  readonly guesses: Guesses;
  /** The last one that was seen: to be used only if `isNewest` says so before anything comes of it. */
  identity: IdentityView;
  /** Of the epoch that was last asked for. Ten thousand routes take half a second to compile. */
  statuses: { readonly epoch: number; readonly hash: string; readonly byKey: ReadonlyMap<string, Status> } | undefined;
  /** What the snapshot that was written last is made of: of one change after another, each finds its base here. */
  written: { readonly hash: string; readonly shards: readonly string[] } | undefined;
};

export const newMemory = (): Memory => ({
  mesh: undefined,
  compiled: undefined,
  tokens: undefined,
  denied: { attempts: new Map(), tellingUntil: 0 },
  guesses: new Map(),
  identity: { version: "", identity: undefined },
  statuses: undefined,
  written: undefined,
});
