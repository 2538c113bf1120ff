/** Bugs that could have been made. The simulator is worth what it finds of them: `npm run simulate -- --mutations`. */
export type Mutation = {
  readonly name: string;
  /** From the root of the project. */
  readonly file: string;
  /** What is there once, and what takes its place. */
  readonly from: string;
  readonly to: string;
};

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "a bucket lends tokens and keeps them",
    file: "mesh/policies/rate-limit-bucket.ts",
    from: "bucket.level = Math.min(bucket.level - tokens,",
    to: "bucket.level = Math.min(bucket.level,",
  },
  {
    name: "a bucket takes back tokens that have arrived",
    file: "mesh/policies/rate-limit-bucket.ts",
    from: 'if (using !== known.seq && known.reply.kind === "lease")',
    to: 'if (known.reply.kind === "lease")',
  },
  {
    name: "a bucket is full again after a restart",
    file: "durable-objects/rate-limit.ts",
    from: "#bucket: Bucket | undefined = this.#stored && bucketOf(this.#stored);",
    to: "#bucket: Bucket | undefined = undefined;",
  },
  {
    name: "an isolate spends a lease for ever",
    file: "mesh/policies/rate-limit-holder.ts",
    from: "holder.until = holder.askedAt + reply.forMs;",
    to: "holder.until = holder.askedAt + 1000 * reply.forMs;",
  },
  {
    name: "a limiter's instance does not notice that another has taken over",
    file: "durable-objects/rate-limit.ts",
    from: "    this.ctx.storage.kv.get(KEY);\n    const bucket",
    to: "    const bucket",
  },
  {
    name: "a circuit lets one probe more than it should",
    file: "mesh/policies/breaker.ts",
    from: "if (permits.length + out.length >= policy.probes)",
    to: "if (permits.length + out.length > policy.probes)",
  },
  {
    name: "a circuit forgets the permits of its last half-open",
    file: "mesh/policies/breaker.ts",
    from: 'return { kind: "open", until: now + forMs, trips, out: live(out, now) };',
    to: 'return { kind: "open", until: now + forMs, trips, out: [] };',
  },
  {
    name: "a lost probe's permit never lapses",
    file: "mesh/policies/breaker.ts",
    from: "permits.filter(({ expires }) => now < expires);",
    to: "permits.filter(({ expires }) => now < Infinity * expires);",
  },
  {
    name: "a breaker's object does not store its permits",
    file: "durable-objects/breaker.ts",
    from: "(state !== before && !onlyEvidence)",
    to: '(state.kind !== before.kind && state.kind !== "half-open")',
  },
  {
    name: "a duplicate of a running request is carried out as well",
    file: "mesh/policies/idempotency.ts",
    from: 'return { row: known, reply: { kind: "in-flight", retryAfterMs: Math.min(known.until - now, ASK_AGAIN_MS) } };',
    to: "return run(known.attempt + 1);",
  },
  {
    name: "a request of which nobody knows what became of it is carried out again",
    file: "mesh/policies/idempotency.ts",
    from: 'return repeatable ? run(known.attempt + 1) : { row: known, reply: { kind: "unknown" } };',
    to: "return run(known.attempt + 1);",
  },
  {
    name: "an execution with an unknown end is taken for one that did nothing",
    file: "mesh/policies/idempotency.ts",
    from: 'if (settled.kind === "released" && attempt === 1) return undefined;',
    to: 'if (settled.kind !== "done" && attempt === 1) return undefined;',
  },
  {
    name: "what cannot be repeated is sent again",
    file: "mesh/policies/retry.ts",
    from: 'covered || failure === "never-sent" || failure === "refused" || isIdempotent(method);',
    to: 'covered || failure !== "never-sent" || isIdempotent(method);',
  },
  {
    name: "each hop has retries of its own",
    file: "mesh/policies/retry-tree.ts",
    from: "const all = claim ?? Math.max(TREE_RETRIES, attempts);",
    to: "const all = Math.max(TREE_RETRIES, attempts);",
  },
  {
    name: "a hop keeps its retries and passes them on as well",
    file: "mesh/policies/retry-tree.ts",
    from: "return { own, passedOn: all - own };",
    to: "return { own, passedOn: all };",
  },
  {
    name: "permits are lent without looking at what others have",
    file: "mesh/policies/concurrency.ts",
    from: "const free = Math.max(0, limit - lent - kept);",
    to: "const free = Math.max(0, limit - kept);",
  },
  {
    name: "permits are taken back before their calls are over",
    file: "mesh/policies/concurrency.ts",
    from: "const countedMs = (forMs: number): number => forMs * 1.02 + 1000;",
    to: "const countedMs = (forMs: number): number => forMs / 20;",
  },
  {
    name: "a commit does not compare what it is based on",
    file: "durable-objects/config.ts",
    from: "if (head.epoch !== base) return { ok: false, epoch: head.epoch };",
    to: "",
  },
  {
    name: "a snapshot is used whatever its bytes are",
    file: "workers/edge-proxy/snapshot.ts",
    from: 'if ((await sha256(manifest)) !== hash) throw new Error("its bytes do not have its hash");',
    to: "",
  },
  {
    name: "a blob that was late is taken for missing for a day",
    file: "workers/edge-proxy/stores.ts",
    from: "(await read(BLOB_TTL_S)) ?? (await read(MISSING_TTL_S));",
    to: "await read(BLOB_TTL_S);",
  },
  {
    name: "a limiter that was away is away until somebody asks in vain",
    file: "mesh/policies/rate-limit-holder.ts",
    from: "if (holder.failures > 0 && now < holder.askAt + OLD_NEWS_MS)",
    to: "if (holder.failures > 0)",
  },
  {
    name: "telemetry that arrives twice counts twice",
    file: "mesh/telemetry/collector.ts",
    from: "if (known && flush.seq <= known.seq) return;",
    to: "",
  },
  {
    name: "an isolate that is gone took nothing with it",
    file: "mesh/telemetry/collector.ts",
    from: "if (isGone(record, now)) lostMax += unreportedMax(record);",
    to: "if (isGone(record, now)) lostMax += 0;",
  },
  {
    name: "a collector knows no isolate after a restart",
    file: "durable-objects/collector.ts",
    from: 'else if (key === "isolates")',
    to: 'else if (key === "none")',
  },
  {
    name: "a deadline is not kept",
    file: "workers/edge-proxy/layers/deadline.ts",
    from: "controller.abort(reason);\n    }, ms);",
    to: "controller.abort(reason);\n    }, 10 * ms);",
  },
  {
    name: "the path is routed as it was spelt",
    file: "workers/edge-proxy/proxy.ts",
    from: "if (!backslashes && isPlain(pathname)) return pathname;",
    to: "if (pathname) return pathname;",
  },
  {
    name: "what Connection names goes on to the service",
    file: "workers/edge-proxy/forwarding.ts",
    from: "headers.delete(option);",
    to: "headers.has(option);",
  },
];
