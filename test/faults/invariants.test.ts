import { expect, it } from "vitest";
import { type Account, INVARIANTS } from "./invariants.ts";
import type { Arrived, Asked, Service } from "./traffic.ts";

const asked = (over: Partial<Asked>): Asked => ({
  id: "plain-1",
  service: "plain",
  edge: "edge-0",
  life: 0,
  at: 1000,
  ended: 1020,
  status: 200,
  cause: undefined,
  epoch: 1,
  ...over,
});
const arrived = (over: Partial<Arrived>): Arrived => ({
  id: "plain-1",
  service: "plain",
  at: 1010,
  mark: "m1",
  key: "",
  ...over,
});
const account = (over: Partial<Account>): Account => ({
  asked: [asked({})],
  arrived: [arrived({})],
  marks: new Map([
    [1, "m1"],
    [2, "m2"],
  ]),
  outages: [],
  illnesses: [],
  floods: [],
  ...over,
});
const broken = (over: Partial<Account>): readonly string[] =>
  INVARIANTS.filter((one) => one.broken(account(over)).length > 0).map(({ name }) => name);
const many = (length: number, service: Service, everyMs: number) =>
  Array.from({ length }, (_, n) => ({ id: `${service}-${n}`, service, at: 1000 + n * everyMs }));
const pair = (made: ReturnType<typeof many>) => ({
  asked: made.map((one) => asked({ ...one, ended: one.at + 20 })),
  arrived: made.map((one) => arrived(one)),
});

it("holds where all is well", () => {
  expect(broken({})).toEqual([]);
  expect(broken(pair(many(200, "limited", 50)))).toEqual([]);
});

it.each<[what: string, over: Partial<Account>, names: readonly string[]]>([
  [
    "a service sees another epoch than the answer names",
    { arrived: [arrived({ mark: "m2" })] },
    ["8.1 one configuration"],
  ],
  [
    "an edge goes back to an older epoch",
    { asked: [asked({ epoch: 2 }), asked({ at: 1100, ended: 1120 })], marks: new Map() },
    ["8.1 no way back"],
  ],
  ["a limit is exceeded", pair(many(60, "limited", 1)), ["8.2 strict limit"]],
  [
    "a key is carried out twice",
    {
      asked: ["pay-1", "pay-1-again"].map((id) => asked({ id, service: "pay" })),
      arrived: ["pay-1", "pay-1-again"].map((id) => arrived({ id, service: "pay", key: '"pay-1"' })),
    },
    ["8.4 once only"],
  ],
  [
    "a POST without a key is sent twice",
    {
      asked: [asked({ id: "once-1", service: "once" })],
      arrived: [1, 2].map(() => arrived({ id: "once-1", service: "once" })),
    },
    ["8.4 once only"],
  ],
  ["a request is sent a fourth time", { arrived: [1, 2, 3, 4].map(() => arrived({})) }, ["8.5 one budget"]],
  [
    "an edge that was well does not answer",
    { asked: [asked({ status: undefined })] },
    ["8.8 always answers", "8.8 the mesh's own failures are not the services'"],
  ],
  ["an answer takes too long", { asked: [asked({ ended: 9000 })] }, ["8.8 always answers"]],
  [
    "an answer of the mesh does not say why",
    { asked: [asked({ id: "pay-1", service: "pay", status: 503 })], arrived: [] },
    ["8.8 says why"],
  ],
  [
    "a request fails while its service is well",
    { asked: [asked({ status: 503, cause: "internal" })] },
    ["8.8 the mesh's own failures are not the services'"],
  ],
  [
    "too many fail while one of two endpoints is ill",
    {
      asked: Array.from({ length: 30 }, (_, n) => asked({ id: `plain-${n}`, status: n < 10 ? 502 : 200, cause: "x" })),
      arrived: Array.from({ length: 30 }, (_, n) => arrived({ id: `plain-${n}` })),
      illnesses: [{ service: "plain", from: 0, to: 5000 }],
    },
    ["8.8 the mesh's own failures are not the services'"],
  ],
  ["a request does not end", { asked: [asked({ ended: undefined, epoch: 0, status: 200 })] }, ["accounted for"]],
  ["a service has what nobody sent", { arrived: [arrived({}), arrived({ id: "plain-7" })] }, ["accounted for"]],
  ["an answer comes from nowhere", { arrived: [] }, ["accounted for"]],
])("is broken when %s", (_what, over, names) => {
  expect(broken(over)).toEqual(expect.arrayContaining([...names]));
});

it("forgives what an edge's death cuts off", () => {
  const outages = [{ edge: "edge-0" as const, from: 900, to: 2000 }];
  expect(broken({ asked: [asked({ status: undefined, epoch: 0 })], outages })).toEqual([]);
});
