import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  begin,
  type Begin,
  keyIn,
  type Row,
  settle,
  type Settled,
  SETTLE_MS,
  shardOf,
} from "../../../mesh/policies/idempotency.ts";

const message = (owner: string, over: Partial<Begin> = {}): Begin => ({
  fingerprint: "f",
  owner,
  executionMs: 1000,
  retentionMs: 300_000,
  repeatable: false,
  ...over,
});
const done: Settled = { kind: "done", stored: { status: 201, headers: [{ name: "location", value: "/1" }] } };
const run = (owner = "a", now = 0): Row => begin(undefined, message(owner), now).row;
const END = 1000 + SETTLE_MS;

describe("a key", () => {
  it.each<[string, Row | undefined, Partial<Begin>, number, unknown]>([
    ["that is new is executed", undefined, {}, 0, { kind: "run", attempt: 1 }],
    ["that is running is not", run(), {}, 0, { kind: "in-flight", retryAfterMs: 1000 }],
    ["that is running tells its duplicate the time left", run(), {}, END - 1, { kind: "in-flight", retryAfterMs: 1 }],
    ["whose executor died has an unknown outcome", run(), {}, END, { kind: "unknown" }],
    [
      "whose executor died is executed again if that is safe",
      run(),
      { repeatable: true },
      END,
      { kind: "run", attempt: 2 },
    ],
    ["of another request is refused", run(), { fingerprint: "g" }, 0, { kind: "mismatch" }],
    [
      "of another request is refused though its outcome is unknown",
      run(),
      { fingerprint: "g" },
      END,
      { kind: "mismatch" },
    ],
    ["that was answered is answered again", settle(run(), "a", done, 300_000, 5), {}, 300_000, done],
    [
      "that was answered is new once it has expired",
      settle(run(), "a", done, 300_000, 5),
      {},
      300_005,
      { kind: "run", attempt: 1 },
    ],
    ["whose message comes twice is executed once", run("b"), {}, 5, { kind: "run", attempt: 1 }],
  ])("%s", (_, row, over, now, reply) => {
    expect(begin(row, message("b", over), now).reply).toEqual(reply);
  });

  it("is running for as long as its executor may be, however short its retention", () => {
    expect(begin(undefined, message("a", { executionMs: 600_000 }), 0).row.expires).toBe(600_000 + SETTLE_MS);
  });

  it.each<[string, Settled, string, Row | undefined]>([
    [
      "keeps the answer",
      done,
      "a",
      { kind: "done", fingerprint: "f", expires: 300_007, stored: done.kind === "done" ? done.stored : { status: 0 } },
    ],
    [
      "keeps that nothing is known",
      { kind: "unknown" },
      "a",
      { kind: "unknown", fingerprint: "f", expires: 300_007, owner: "a", attempt: 1 },
    ],
    ["is free again when nothing was done", { kind: "released" }, "a", undefined],
    ["takes nobody else's word", { kind: "released" }, "b", run()],
  ])("once settled %s", (_, settled, owner, row) => {
    expect(settle(run(), owner, settled, 300_000, 7)).toEqual(row);
  });

  it("learns its outcome from an executor that was only late", () => {
    const unknown = begin(run(), message("b"), END).row;
    expect(begin(settle(unknown, "a", done, 300_000, END), message("b"), END).reply).toEqual(done);
  });

  it("is not free again when only its second execution did nothing", () => {
    const second = begin(run(), message("b", { repeatable: true }), END).row;
    expect(settle(second, "b", { kind: "released" }, 300_000, END)).toMatchObject({ kind: "unknown", attempt: 2 });
  });

  it("keeps its first answer", () => {
    const answered = settle(run(), "a", done, 300_000, 5);
    expect(settle(answered, "a", { kind: "released" }, 300_000, 6)).toBe(answered);
  });
});

/**
 * The invariant, for every order of events, with messages lost, repeated and late, and executors that die:
 *  1. of one key at most one execution has leave to run and time left at any moment;
 *  2. unless the upstream is declared to honour the key, a second execution begins only after the first one's owner has said
 *     that nothing was done, or the retention is over;
 *  3. once an answer is known, it is the answer, word for word, until it expires.
 */
it("keeps its invariant whatever the order, loss and repetition of events", () => {
  const owner = fc.nat({ max: 5 }).map((n) => `o${n}`);
  const events = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 400, 5000, END, 150_000) }),
      fc.record({ do: fc.constant("begin" as const), owner }),
      fc.record({ do: fc.constant("settle" as const), owner, how: fc.constantFrom("done", "unknown", "released") }),
    ),
    { minLength: 20, maxLength: 80 },
  );
  fc.assert(
    fc.property(events, fc.boolean(), (all, repeatable) => {
      const broken: string[] = [];
      let row: Row | undefined;
      let now = 0;
      let clean = true;
      let turn = 0;
      let answer: Settled | undefined;
      /** The execution that has leave, and until when its executor goes on. */
      let live: { owner: string; until: number } | undefined;
      for (const event of all) {
        if (event.do === "wait") now += event.ms;
        else if (event.do === "begin") {
          // An owner is a call: one that has settled never begins anew.
          const who = `${event.owner}.${turn}`;
          const expired = !row || now >= row.expires;
          const { row: next, reply } = begin(row, message(who, { repeatable }), now);
          row = JSON.parse(JSON.stringify(next)) as Row;
          if (reply.kind === "run" && live?.owner !== who) {
            broken.push(
              ...(live && now < live.until ? [`two run at ${now}`] : []),
              ...(repeatable || clean || expired ? [] : [`run again at ${now}`]),
            );
            live = { owner: who, until: now + 1000 };
            [clean, answer] = [false, undefined];
          }
          if (answer && !expired && JSON.stringify(reply) !== JSON.stringify(answer))
            broken.push(`another answer at ${now}`);
        } else if (live && event.owner === live.owner.split(".")[0]) {
          const how = event.how as Settled["kind"];
          const settled: Settled =
            how === "done" ? { kind: "done", stored: { status: 200 + (turn % 300), headers: [] } } : { kind: how };
          const before = row;
          row = settle(row, live.owner, settled, 300_000, now);
          if (before?.kind !== "done" && row?.kind === "done") answer = settled;
          if (before && !row) clean = true;
          live = undefined;
          turn++;
        } else row = settle(row, "stranger", { kind: "released" }, 300_000, now);
      }
      expect(broken).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

describe("the header", () => {
  it.each<[string, string | undefined]>([
    ['"8e03978e-40d5-43e8-bc93-6894a57f9324"', "8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ["8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ['"a b"', "a b"],
    [String.raw`"say \"hi\" \\"`, String.raw`say "hi" \ `.trim()],
    ['"a";v=1', "a"],
    ['"a" ; v', "a"],
    ["order_12/ü", undefined],
    ["", undefined],
    ['""', undefined],
    ['"a', undefined],
    ['a"', undefined],
    ["a b", undefined],
    ['"a", "b"', undefined],
    ["a, b", undefined],
    [String.raw`"\a"`, undefined],
    [`"${"k".repeat(255)}"`, "k".repeat(255)],
    ["k".repeat(256), undefined],
  ])("%s names %s", (value, key) => {
    expect(keyIn(value)).toBe(key);
  });
});

it("shares keys out evenly among shards", () => {
  const counts = [0, 0, 0];
  for (let n = 0; n < 256; n++) counts[shardOf(Uint8Array.of(n, 7, 7, n), 3)]!++;
  expect(Math.min(...counts)).toBeGreaterThan(80);
});
