/** What must hold, each written once. ARCHITECTURE §8 has the numbers; those without one are about what must come true again. */
import { type Logged, BURST, FORBIDDEN, MOST_ATTEMPTS, PERMITS, PROBES, RATE, REQUEST_MS } from "./configuration.ts";
import type { Answered } from "./edges.ts";
import type { Heard } from "./objects.ts";
import type { Sent } from "./services.ts";
import type { Process, Task } from "./world.ts";

/** A request of a user. `keyed`: it brings an idempotency key, which its retries share. */
export type Asked = {
  readonly id: string;
  readonly service: string;
  readonly method: string;
  readonly key: string | undefined;
  readonly at: number;
  readonly patient: boolean;
};

export type Happening =
  | { readonly kind: "sent"; readonly sent: Sent }
  | { readonly kind: "executed"; readonly sent: Sent }
  | { readonly kind: "over"; readonly sent: Sent }
  | { readonly kind: "heard"; readonly heard: Heard; readonly by: Task }
  | { readonly kind: "answered"; readonly asked: Asked; readonly answer: Answered | undefined }
  /** An apply was acknowledged. */
  | { readonly kind: "committed"; readonly epoch: number }
  /** Nothing is wrong any more, and nothing is applied. */
  | { readonly kind: "calm" }
  /** The end: what control's log says of every epoch, in order. */
  | { readonly kind: "log"; readonly epochs: readonly Logged[] };

export type Invariant = {
  readonly name: string;
  /** What is wrong, if this shows it. */
  readonly see: (happening: Happening, now: number) => string | undefined;
};

const idOf = ({ headers }: Sent): string => headers.get("x-request") ?? "";
const rootOf = (id: string): string => id.split(".")[0]!;

/** §8.1 No request is routed by a half-applied configuration: what its service saw is what the epoch on its answer says. */
function oneConfiguration(): Invariant {
  const marks = new Map<string, string>();
  /** By epoch and mark, a request that was answered so. */
  const answered = new Map<string, string>();
  return {
    name: "8.1 one configuration",
    see(happening) {
      if (happening.kind === "sent" && happening.sent.url.hostname !== "") {
        const id = idOf(happening.sent);
        const mark = happening.sent.headers.get("x-mark");
        if (mark === null) return `${id} was sent without its configuration's mark`;
        const before = marks.get(id);
        marks.set(id, mark);
        if (before !== undefined && before !== mark) return `${id} was sent under ${before} and under ${mark}`;
      }
      if (happening.kind === "answered" && happening.answer) {
        const { asked, answer } = happening;
        const mark = marks.get(asked.id);
        const epoch = answer.headers.get("selvedge-epoch");
        if (mark !== undefined && epoch !== null) answered.set(`${epoch} ${mark}`, asked.id);
      }
      if (happening.kind === "log") {
        const logged = new Set(happening.epochs.map(({ epoch, mark }) => `${epoch} ${mark}`));
        for (const [as, id] of answered)
          if (!logged.has(as)) return `${id} was served as (epoch, mark) ${as}: there is none`;
      }
      return undefined;
    },
  };
}

/** §8.1, too: what was applied beside another change is not lost by it. */
function nothingLost(): Invariant {
  return {
    name: "8.1 no apply is lost",
    see(happening) {
      if (happening.kind !== "log") return undefined;
      let before: readonly string[] = [];
      for (const { epoch, beside } of happening.epochs) {
        const gone = before.find((name) => !beside.includes(name));
        if (gone !== undefined) return `${gone} is gone in epoch ${epoch}, and nobody deleted it`;
        before = beside;
      }
      return undefined;
    },
  };
}

/** What was applied before the calm is at every edge with traffic within its bound: KV's copies are old by then, and it has looked. */
function converges(): Invariant {
  let newest = 0;
  let calmAt = Infinity;
  /** By isolate: when it was asked first since KV's copies are right, and when first after its next look. */
  const asked = new Map<Process, number>();
  const looked = new Map<Process, number>();
  return {
    name: "configuration converges",
    see(happening, now) {
      if (happening.kind === "calm") calmAt = now;
      if (happening.kind === "committed" && calmAt === Infinity) newest = Math.max(newest, happening.epoch);
      if (happening.kind !== "answered" || !happening.answer || happening.asked.at < calmAt + COPIES_MS)
        return undefined;
      const { by, headers } = happening.answer;
      const { id, at } = happening.asked;
      const since = asked.get(by) ?? at;
      asked.set(by, since);
      if (at >= since + LOOK_MS && !looked.has(by)) looked.set(by, at);
      const epoch = Number(headers.get("selvedge-epoch"));
      return at > (looked.get(by) ?? Infinity) + LOADED_MS && epoch > 0 && epoch < newest
        ? `${id} was served by epoch ${epoch}, and ${newest} was applied before the calm`
        : undefined;
    },
  };
}
/** Milliseconds: what KV says of the past; an edge's LOOK_EVERY_MS by its own clock; and a look. */
const COPIES_MS = 31_000;
const LOOK_MS = 10_500;
const LOADED_MS = 3000;

/** §8.2 Strict limits never over-admit: a bucket of `burst` that fills at `rate` is never overdrawn, on a right clock or one that is 1 % fast. */
function strictLimits(unsteadiness: number): Invariant {
  const seen = new Set<string>();
  let level = BURST;
  let at = 0;
  // The object's own clock measures the rate; isolates may begin to spend a lease as late as their clocks are wrong.
  const perMs = (RATE / 1000) * (1 + 0.01 * unsteadiness);
  return {
    name: "8.2 strict limits",
    see(happening, now) {
      if (happening.kind !== "sent" || happening.sent.service !== "limited") return undefined;
      const id = idOf(happening.sent);
      if (seen.has(id)) return undefined;
      seen.add(id);
      level = Math.min(BURST, level + (now - at) * perMs);
      at = now;
      level -= 1;
      return level < -1e-6 ? `${seen.size} requests admitted, the bucket stands at ${level.toFixed(3)}` : undefined;
    },
  };
}

/** §8.3 While a breaker is half-open, at most the configured number of probes is in flight in the whole fleet. */
function fewProbes(): Invariant {
  const probing = new Map<Task, string>();
  const inFlight = new Map<string, Set<Sent>>();
  return {
    name: "8.3 few probes",
    see(happening) {
      if (happening.kind === "heard") {
        const { heard, by } = happening;
        const granted = heard.method === "probe" && (heard.reply as { readonly granted?: boolean }).granted === true;
        if (granted) probing.set(by, heard.object);
      }
      if (happening.kind === "sent") {
        const circuit = probing.get(happening.sent.from);
        if (circuit === undefined) return undefined;
        const under = inFlight.get(circuit) ?? new Set();
        inFlight.set(circuit, under.add(happening.sent));
        const living = [...under].filter(({ from }) => from.alive && from.process.alive);
        if (living.length > PROBES) return `${living.length} probes of ${circuit} in flight`;
      }
      if (happening.kind === "over") for (const under of inFlight.values()) under.delete(happening.sent);
      return undefined;
    },
  };
}

/** §8.4 A request that is not idempotent is carried out once; with a key, all that share the key are carried out once. */
function onceOnly(): Invariant {
  const done = new Map<string, number>();
  return {
    name: "8.4 once only",
    see(happening) {
      if (happening.kind !== "executed" || happening.sent.method !== "POST") return undefined;
      const name = happening.sent.headers.get("idempotency-key") ?? idOf(happening.sent);
      const times = (done.get(name) ?? 0) + 1;
      done.set(name, times);
      return times > 1 ? `${name} was carried out ${times} times` : undefined;
    },
  };
}

/** §8.5 A retry never multiplies down a call chain: the leaf sees at most so many calls for one request of a user. */
function oneBudget(): Invariant {
  const calls = new Map<string, number>();
  return {
    name: "8.5 one budget",
    see(happening) {
      if (happening.kind !== "sent") return undefined;
      const name = `${happening.sent.service} ${rootOf(idOf(happening.sent))}`;
      const times = (calls.get(name) ?? 0) + 1;
      calls.set(name, times);
      return times > MOST_ATTEMPTS ? `${name}: ${times} calls` : undefined;
    },
  };
}

/** §8.6 The path that authorization sees is the path that the upstream sees: what is forbidden arrives in no spelling. */
function onePath(): Invariant {
  return {
    name: "8.6 one path",
    see(happening) {
      if (happening.kind !== "sent") return undefined;
      const path = decodeURIComponent(happening.sent.url.pathname).replaceAll("\\", "/").replaceAll(/\/+/g, "/");
      return path === FORBIDDEN || path.startsWith(`${FORBIDDEN}/`)
        ? `${happening.sent.url.pathname} arrived`
        : undefined;
    },
  };
}

/** §8.7 The mesh's own headers cross no boundary: a caller's do not arrive, a service's do not leave. */
function noForgery(): Invariant {
  return {
    name: "8.7 no forgery",
    see(happening) {
      if (happening.kind === "sent" && happening.sent.headers.get("selvedge-caller") === "forged")
        return "a caller's own selvedge-caller arrived";
      if (happening.kind === "sent" && happening.sent.headers.has("x-hop")) return "a header of Connection arrived";
      if (happening.kind === "answered" && happening.answer?.headers.get("selvedge-cause") === "forged")
        return "a service's own selvedge-cause left";
      return undefined;
    },
  };
}

/** §8.8 Nothing that is down makes a request wait for longer than it may, or makes the mesh fail. */
function alwaysAnswers(): Invariant {
  return {
    name: "8.8 always answers",
    see(happening, now) {
      if (happening.kind !== "answered" || !happening.asked.patient) return undefined;
      const { asked, answer } = happening;
      if (answer?.headers.get("selvedge-cause") === "internal") return `${asked.id}: the mesh itself failed`;
      const took = now - asked.at;
      return answer && took > MOST_MS ? `${asked.id} took ${took.toFixed(0)} ms` : undefined;
    },
  };
}
/** A rule's own time, and before it a cold isolate's look and its objects. */
const MOST_MS = REQUEST_MS + 7000;

/** Permits in use never exceed the limit, whatever is lost, killed or restarted. */
function fewCalls(): Invariant {
  const under = new Set<Sent>();
  let overSince = Infinity;
  return {
    name: "concurrency limit",
    see(happening, now) {
      if (happening.kind === "over") under.delete(happening.sent);
      if (happening.kind === "sent" && happening.sent.service === "permits") under.add(happening.sent);
      const living = [...under].filter(({ from }) => from.alive && from.process.alive).length;
      overSince = living > PERMITS ? Math.min(overSince, now) : Infinity;
      // Of an isolate that was stopped, what is new may come in just before the timer that cuts off what is old.
      return now - overSince > INSTANT_MS ? `${living} calls at once` : undefined;
    },
  };
}
const INSTANT_MS = 5;

export const invariants = (unsteadiness: number): readonly Invariant[] => [
  oneConfiguration(),
  nothingLost(),
  converges(),
  strictLimits(unsteadiness),
  fewProbes(),
  onceOnly(),
  oneBudget(),
  onePath(),
  noForgery(),
  alwaysAnswers(),
  fewCalls(),
];
