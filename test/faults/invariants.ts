/**
 * What must hold whatever breaks (ARCHITECTURE §8), as clients and services see it from outside. Each is written once, and looked at
 * after every scenario over all that was asked since half a minute before it.
 */
import { type Arrived, type Asked, BURST, RATE, REQUEST_MS, RETRIES, type Service } from "./traffic.ts";
import type { EdgeName } from "./fleet.ts";

export type Account = {
  readonly asked: readonly Asked[];
  readonly arrived: readonly Arrived[];
  /** The mark of each epoch that control has acknowledged or, later, told of. */
  readonly marks: ReadonlyMap<number, string>;
  /** When an edge could not answer, because it was killed or stopped; times in milliseconds since 1970. */
  readonly outages: readonly { readonly edge: EdgeName; readonly from: number; readonly to: number }[];
  /** When a service or the way to it was ill. */
  readonly illnesses: readonly { readonly service: Service; readonly from: number; readonly to: number }[];
  /** When edges had more to do than they can. */
  readonly floods: readonly { readonly from: number; readonly to: number }[];
};

type Invariant = { readonly name: string; readonly broken: (account: Account) => readonly string[] };

/** What a machine of two cores that runs all of it may be late. */
const LATE_MS = 3000;
/** An isolate that begins may read an older copy, and looks for a newer one then. */
const isDuring = (one: Asked, { from, to }: { readonly from: number; readonly to: number }): boolean =>
  one.at <= to + 200 && (one.ended ?? Infinity) >= from;
const wasCut = (one: Asked, { outages }: Account): boolean =>
  outages.some((outage) => outage.edge === one.edge && isDuring(one, outage));

const byId = (arrived: readonly Arrived[]): Map<string, Arrived[]> => {
  const found = new Map<string, Arrived[]>();
  for (const one of arrived) found.set(one.id, [...(found.get(one.id) ?? []), one]);
  return found;
};

export const INVARIANTS: readonly Invariant[] = [
  {
    name: "8.1 one configuration",
    broken: ({ asked, arrived, marks }) => {
      const seen = byId(arrived);
      return asked.flatMap(({ id, epoch }) => {
        const mark = marks.get(epoch);
        const others = (seen.get(id) ?? []).filter((one) => mark !== undefined && one.mark !== mark);
        return others.length === 0
          ? []
          : [`${id} was served by epoch ${epoch} (${mark}), and its service saw ${others[0]!.mark}`];
      });
    },
  },
  {
    name: "8.1 no way back",
    broken: ({ asked }) => {
      const wrong: string[] = [];
      for (const process of Map.groupBy(asked, ({ edge, life }) => `${edge}.${life}`).values()) {
        const served = process.filter((one) => one.epoch > 0);
        const ended = served.toSorted((a, b) => a.ended! - b.ended!);
        let newest: Asked | undefined;
        let next = 0;
        for (const one of served.toSorted((a, b) => a.at - b.at)) {
          for (; next < ended.length && ended[next]!.ended! < one.at; next++)
            if (ended[next]!.epoch > (newest?.epoch ?? 0)) newest = ended[next];
          if (newest && newest.epoch > one.epoch)
            wrong.push(
              `${one.id} was served by epoch ${one.epoch}, after ${newest.id} by ${newest.epoch}, at ${one.edge}`,
            );
        }
      }
      return wrong;
    },
  },
  {
    name: "8.2 strict limit",
    broken: ({ arrived }) => {
      const times = arrived.flatMap(({ service, at }) => (service === "limited" ? [at] : [])).toSorted((a, b) => a - b);
      // What was admitted in time may arrive late: so many are under way at once at most.
      const room = BURST + 10;
      let [level, last] = [room, times[0] ?? 0];
      for (const at of times) {
        level = Math.min(room, level + ((at - last) * RATE) / 1000) - 1;
        last = at;
        if (level < 0) return [`at ${at} one more arrived than ${RATE} a second and ${BURST} at once`];
      }
      return [];
    },
  },
  {
    name: "8.4 once only",
    broken: ({ arrived }) => {
      const twice = (all: readonly Arrived[], by: (one: Arrived) => string): string[] =>
        [...Map.groupBy(all, by)].flatMap(([key, { length }]) =>
          length > 1 ? [`${key} was carried out ${length} times`] : [],
        );
      return [
        ...twice(
          arrived.filter(({ service }) => service === "pay"),
          ({ key }) => key,
        ),
        ...twice(
          arrived.filter(({ service }) => service === "once"),
          ({ id }) => id,
        ),
      ];
    },
  },
  {
    name: "8.5 one budget",
    broken: ({ arrived }) =>
      [...byId(arrived)].flatMap(([id, { length }]) =>
        length > 1 + RETRIES ? [`${id} was sent ${length} times`] : [],
      ),
  },
  {
    name: "8.8 always answers",
    broken: (account) =>
      account.asked.flatMap((one) => {
        if (wasCut(one, account)) return [];
        if (one.status === undefined)
          return [`${one.id} had no answer (${one.broke ?? "?"}) from ${one.edge}, which was well`];
        const tookMs = one.ended! - one.at;
        return tookMs > REQUEST_MS + LATE_MS ? [`${one.id} took ${tookMs} ms`] : [];
      }),
  },
  {
    name: "8.8 says why",
    broken: ({ asked }) =>
      asked.flatMap(({ id, service, status = 0, cause }) =>
        status >= 500 && cause === undefined && service !== "shaky" ? [`${id} had ${status} and no cause`] : [],
      ),
  },
  {
    // Retries go to the other endpoint; a budget for them may be spent.
    name: "8.8 the mesh's own failures are not the services'",
    broken: (account) => {
      const judged = account.asked.filter(
        (one) =>
          one.service === "plain" && !wasCut(one, account) && !account.floods.some((flood) => isDuring(one, flood)),
      );
      const ill = judged.filter((one) =>
        account.illnesses.some((illness) => illness.service === "plain" && isDuring(one, illness)),
      );
      const well = judged.filter((one) => !ill.includes(one));
      const failed = (all: readonly Asked[]) => all.filter(({ status }) => status !== 200);
      return [
        ...failed(well).map(({ id, status, cause }) => `${id} had ${status} ${cause} while its service was well`),
        ...(failed(ill).length > 0.1 * ill.length + 2
          ? [`${failed(ill).length} of ${ill.length} failed while one of two endpoints was ill`]
          : []),
      ];
    },
  },
  {
    name: "accounted for",
    broken: ({ asked, arrived }) => {
      const known = new Set(asked.map(({ id }) => id));
      return [
        ...asked.filter(({ ended }) => ended === undefined).map(({ id }) => `${id} never ended`),
        ...arrived
          .filter(({ id }) => !known.has(id))
          .map(({ id, service }) => `${service} had ${id}, which nobody sent`),
        ...unheard(asked, arrived),
      ];
    },
  },
];

/** What was answered well was carried out: an answer from nowhere would be a made-up one. */
function unheard(asked: readonly Asked[], arrived: readonly Arrived[]): string[] {
  const seen = new Set(arrived.flatMap(({ id, key }) => (key === "" ? [id] : [id, key])));
  return asked.flatMap(({ id, status }) =>
    status === 200 && !seen.has(id) && !seen.has(`"${id.replace(/-again$/, "")}"`)
      ? [`${id} was answered, and no service had it`]
      : [],
  );
}
