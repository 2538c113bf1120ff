/**
 * Isolates, a network and the objects of one limit under virtual time, with the state machines that the mesh runs. What is
 * simulated is what surrounds them: delays, losses, clocks, restarts, instances that do not know that they were replaced.
 */
import {
  type Bucket,
  type Capacity,
  fullBucket,
  lend,
  type LeaseReply,
  type LeaseRequest,
} from "../../../mesh/policies/rate-limit-bucket.ts";
import { type Reserve, reserveFor, restored } from "../../../mesh/policies/rate-limit-reserve.ts";
import {
  arrive,
  ask,
  giveUp,
  isAsking,
  isDue,
  newHolder,
  receive,
  spend,
  standing,
} from "../../../mesh/policies/rate-limit-holder.ts";
import {
  askRoot,
  fit,
  isRegionDue,
  isShort,
  newRegion,
  receiveFromRoot,
  type Region,
} from "../../../mesh/policies/rate-limit-region.ts";
import { exponential, normal, seeded, Timeline } from "../events.ts";

export type Scenario = {
  readonly seed: number;
  readonly isolates: number;
  /** Tokens a second; tokens; the part of the burst that may be spent on credit. */
  readonly rate: number;
  readonly burst: number;
  readonly overdraft?: number;
  /** Requests a second by the rate, and how unequal the isolates are: isolate i has a part of 1/i^skew. */
  readonly load: number;
  readonly skew: number;
  /** Every isolate is `times` as busy for a part of the time, and idle for the rest. Default: always alike. */
  readonly bursts?: { readonly times: number; readonly everyMs: number };
  readonly seconds: number;
  /** Not counted, at the beginning. */
  readonly warmUpSeconds: number;
  /** Median of a round trip, in milliseconds; its logarithm varies by 0.5. */
  readonly roundTripMs: number;
  readonly loss?: number;
  readonly duplicates?: number;
  /** The object is restarted every so often. */
  readonly restartEveryMs?: number;
  /** After a restart the old instance goes on answering this part of the messages, unless storage stops it. */
  readonly zombie?: number;
  /** An isolate is replaced by a new one every so often. */
  readonly forgetEveryMs?: number;
  /** Clocks run faster or slower by up to this part. */
  readonly drift?: number;
  /** An instance of the root runs on whatever machine; the clocks of two are up to this far apart. */
  readonly apartMs?: number;
  /** Objects between isolates and the root, each this far from its isolates. */
  readonly regions?: number;
  /** What the object takes for one message. Default 1 ms. */
  readonly serviceMs?: number;
  /** Adds the invariants up after every message to the root. */
  readonly check?: boolean;
};

export type Outcome = {
  readonly arrivals: number;
  readonly admitted: number;
  /** What one bucket that sees every request at once would have admitted. */
  readonly ideal: number;
  /** The most by which any window went beyond burst + rate x window; 0 if none did. */
  readonly excess: number;
  /** Messages that reached an object. */
  readonly calls: number;
  /** How far a bucket ever was from its invariants: sum of rates <= rate, level + sum of what may be held <= burst. */
  readonly broken: number;
  readonly writes: number;
  /** What admitted requests waited, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
};

/** How long a request waits, at most: the layer's STATE_TIMEOUT_MS. */
const WAIT_MS = 250;

export function simulate(scenario: Scenario): Outcome {
  const { rate, burst, overdraft = 0, drift = 0, regions: regionCount = 0, serviceMs = 1 } = scenario;
  const random = seeded(scenario.seed);
  const time = new Timeline();
  const capacity: Capacity = {
    perMs: rate / 1000,
    burst,
    until: Infinity,
    credit: Math.floor(overdraft * burst),
    creditUntil: Infinity,
  };
  const start = scenario.warmUpSeconds * 1000;
  const end = scenario.seconds * 1000;
  const admissions: number[] = [];
  const arrivals: number[] = [];
  const waits: number[] = [];
  let calls = 0;
  let writes = 0;
  let broken = 0;
  let names = 0;

  // The root, its storage, and the instance before it.
  type Instance = { bucket: Bucket; stored: Reserve | undefined; busyUntil: number; clock: () => number };
  let durable: Reserve | undefined;
  const newInstance = (): Instance => {
    const clock = clockOf();
    const bucket = durable ? restored(capacity, durable, clock()) : fullBucket(capacity, clock());
    return { bucket, stored: durable, busyUntil: 0, clock };
  };
  const rootRate = 1 + drift * (2 * random() - 1);
  const clockOf = () => {
    const ahead = scenario.apartMs === undefined ? 0 : scenario.apartMs * random();
    return () => 1e6 + ahead + time.now * rootRate;
  };
  let root = newInstance();
  let zombie: Instance | undefined;

  /** Undefined: the reply never leaves, because storage has told the instance that it is one no longer. */
  function atRoot(message: LeaseRequest): LeaseReply | undefined {
    if (time.now >= start) calls++;
    const isOld = zombie !== undefined && random() < (scenario.zombie ?? 0);
    const instance = isOld ? zombie! : root;
    const now = instance.clock();
    const reply = lend(instance.bucket, message, now);
    if (scenario.check) broken = Math.max(broken, brokenBy(instance.bucket));
    const reserve = reserveFor(instance.bucket, instance.stored, reply, now);
    if (!reserve) return reply;
    if (isOld) {
      zombie = undefined;
      return undefined;
    }
    if (time.now >= start) writes++;
    instance.stored = durable = reserve;
    return reply;
  }
  function restart(): void {
    zombie = root;
    root = newInstance();
    time.after(scenario.restartEveryMs!, restart);
  }
  if (scenario.restartEveryMs !== undefined) time.after(scenario.restartEveryMs, restart);

  const roundTrip = (median: number) => Math.min(250, Math.max(1, median * Math.exp(0.5 * normal(random))));
  /** One message and its reply: lost, late, or twice. `server` answers when its queue has come to it. */
  function send(
    server: { busyUntil: number },
    median: number,
    answer: () => LeaseReply | undefined | "later",
    deliver: (reply: LeaseReply) => void,
    onLater?: (resume: (reply: LeaseReply | undefined) => void) => void,
  ): void {
    const loss = scenario.loss ?? 0;
    const copies = random() < (scenario.duplicates ?? 0) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const whole = roundTrip(median);
      if (random() < loss) continue;
      time.after(whole / 2, () => {
        server.busyUntil = Math.max(server.busyUntil, time.now) + serviceMs;
        time.at(server.busyUntil, () => {
          const back = (reply: LeaseReply | undefined) => {
            if (reply && random() >= loss) time.after(whole / 2, () => deliver(reply));
          };
          const reply = answer();
          if (reply === "later") onLater?.(back);
          else back(reply);
        });
      });
    }
  }

  // Regional objects: holders of the root, buckets to their isolates.
  type Regional = { region: Region; busyUntil: number; clock: () => number };
  const regional: Regional[] = Array.from({ length: regionCount }, () => {
    const speed = 1 + drift * (2 * random() - 1);
    const offset = random() * 1e6;
    const clock = () => offset + time.now * speed;
    return { region: newRegion(`r${names++}`, clock()), busyUntil: 0, clock };
  });
  function renew(one: Regional, must: number, then?: () => void): void {
    const message = askRoot(one.region, must, one.clock());
    let done = false;
    const finish = () => {
      if (!done) then?.();
      done = true;
    };
    send(
      root,
      scenario.roundTripMs,
      () => atRoot(message),
      (reply) => {
        receiveFromRoot(one.region, message.seq, reply, one.clock(), random());
        finish();
      },
    );
    time.after(one.region.holder.askingUntil - one.clock(), () => {
      giveUp(one.region.holder, message.seq, one.clock(), random());
      finish();
    });
  }
  function lendFrom(one: Regional, message: LeaseRequest): LeaseReply {
    fit(one.region, one.clock());
    return lend(one.region.bucket, message, one.clock());
  }

  // Isolates.
  const weights = Array.from({ length: scenario.isolates }, (_, index) => 1 / (index + 1) ** scenario.skew);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  weights.forEach((weight, index) => {
    const perMs = (scenario.load * rate * weight) / sum / 1000;
    const speed = 1 + drift * (2 * random() - 1);
    const offset = random() * 1e6;
    const clock = () => offset + time.now * speed;
    let holder = newHolder(`h${names++}`, clock());
    const home = regional[index % Math.max(1, regionCount)];

    const message = (): void => {
      const asked = holder;
      const request = ask(asked, clock());
      time.after((asked.askingUntil - clock()) / speed, () => giveUp(asked, request.seq, clock(), random()));
      const deliver = (reply: LeaseReply) => receive(asked, request.seq, reply, clock(), random());
      if (!home) return send(root, scenario.roundTripMs, () => atRoot(request), deliver);
      send(
        home,
        scenario.roundTripMs / 4,
        () => {
          if (time.now >= start) calls++;
          fit(home.region, home.clock());
          if (isShort(home.region, request, home.clock())) return "later";
          const reply = lendFrom(home, request);
          if (isRegionDue(home.region, home.clock())) renew(home, 0);
          return reply;
        },
        deliver,
        (resume) => renew(home, request.must, () => resume(lendFrom(home, request))),
      );
    };
    const admit = (since: number): void => {
      admissions.push(time.now);
      if (time.now >= start) waits.push(time.now - since);
    };
    const decide = (since: number): void => {
      const found = standing(holder, 1, clock());
      if (found === "tokens" || found === "credit") {
        spend(holder, 1, found);
        admit(since);
      } else if (found === "wait" && time.now - since < WAIT_MS) {
        const asking = holder;
        asking.waiting++;
        if (!isAsking(asking, clock())) message();
        const poll = (): void => {
          if (isAsking(asking, clock()) && time.now - since < WAIT_MS) void time.after(10, poll);
          else decide(since);
        };
        time.after(10, poll);
        return;
      }
      if (isDue(holder, clock())) message();
    };
    const { times = 1, everyMs = 1 } = scenario.bursts ?? {};
    const phase = random() * everyMs;
    const next = (): void => {
      time.after(exponential(random) / (perMs * times), () => {
        if (((time.now + phase) % everyMs) * times < everyMs) {
          if (time.now >= start) arrivals.push(time.now);
          arrive(holder, 1, clock());
          decide(time.now);
        }
        next();
      });
    };
    next();
    const forget = (): void => {
      holder = newHolder(`h${names++}`, clock());
      time.after(scenario.forgetEveryMs! * 2 * random(), forget);
    };
    if (scenario.forgetEveryMs !== undefined) time.after(scenario.forgetEveryMs * 2 * random(), forget);
  });

  time.runUntil(end);
  waits.sort((a, b) => a - b);
  return {
    arrivals: arrivals.length,
    admitted: admissions.filter((at) => at >= start).length,
    ideal: throughOneBucket(arrivals, scenario),
    excess: excessOf(admissions, scenario),
    calls,
    broken: broken > 1e-6 ? broken : 0,
    writes,
    p50: waits[Math.floor(waits.length * 0.5)] ?? 0,
    p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
  };
}

function brokenBy({ capacity, level, leases }: Bucket): number {
  let rho = 0;
  let out = 0;
  for (const lease of leases.values()) {
    rho += lease.rho;
    out += lease.out;
  }
  return Math.max(1000 * (rho - capacity.perMs), level + out - capacity.burst);
}

function throughOneBucket(arrivals: readonly number[], { rate, burst, warmUpSeconds, load }: Scenario): number {
  // Before the warm-up was over a bucket that is asked for more than its rate was empty.
  let level = load > 1 ? 0 : burst;
  let before = warmUpSeconds * 1000;
  let admitted = 0;
  for (const at of arrivals) {
    level = Math.min(burst, level + ((at - before) * rate) / 1000);
    before = at;
    if (level < 1) continue;
    level--;
    admitted++;
  }
  return admitted;
}

/** By a leaky bucket: its content is the largest excess of any window that ends now. */
function excessOf(admissions: readonly number[], { rate: nominal, burst, drift = 0 }: Scenario): number {
  // The object's own clock says what a second is.
  const rate = nominal * (1 + drift);
  let content = 0;
  let most = 0;
  let before = 0;
  for (const at of admissions) {
    content = Math.max(0, content - ((at - before) * rate) / 1000) + 1;
    before = at;
    most = Math.max(most, content);
  }
  return most - burst > 1e-6 ? most - burst : 0;
}
