import { expect, it } from "vitest";
import type { BackendCall, CaseRequest, Expected, Observation } from "./case.ts";
import { judge } from "./judge.ts";
import { patched } from "./patch.ts";

const v1 = { namespace: "infra", name: "v1" };
const v2 = { namespace: "infra", name: "v2" };
const callTo = (who: typeof v1, more: Partial<BackendCall> = {}): BackendCall => ({
  ...who,
  instance: `${who.name}-0`,
  path: "/",
  method: "GET",
  host: "shop.test",
  headers: {},
  ...more,
});
const answered = (more: Partial<Observation> = {}): Observation => ({
  status: 200,
  headers: {},
  latencyMs: 5,
  backend: { ...v1, instance: "v1-0" },
  backendRequest: callTo(v1),
  calls: [callTo(v1)],
  ...more,
});
const refused = (status: number): Observation =>
  answered({ status, backend: null, backendRequest: undefined, calls: [] });

const requestOf = (expected: Partial<Expected>, more: Partial<CaseRequest> = {}): CaseRequest => ({
  name: "",
  target: { mode: "gateway", scheme: "http", gateway: { namespace: "infra", name: "gateway" }, port: 80 },
  host: "shop.test",
  method: "GET",
  path: "/",
  expected: { status: [200], ...expected },
  ...more,
});
const fields = (expected: Partial<Expected>, ...observations: Observation[]) =>
  judge(requestOf(expected), observations).map(({ field }) => field);

const location = (value: string) => answered({ ...refused(302), headers: { location: [value] } });
const cookie = (line: string) => answered({ headers: { "set-cookie": [line] } });
const redirect = { scheme: "https", host: "other.test", port: null, path: "/x" };
const seen = (headers: BackendCall["headers"]) => answered({ backendRequest: callTo(v1, { headers }) });

it.each<[string, Partial<Expected>, Observation, string[]]>([
  ["a status of those wanted", { status: [200, 204] }, answered(), []],
  ["another status, after which nothing else counts", { backend: v2 }, refused(404), ["status"]],
  ["the backend", { backend: v1 }, answered(), []],
  ["one of the backends", { backend: { anyOf: [v2, v1] } }, answered(), []],
  ["another backend", { backend: v2 }, answered(), ["backend"]],
  ["no backend", { status: [500], backend: "none" }, refused(500), []],
  [
    "a backend where none was to be called",
    { status: [500], backend: "none" },
    { ...refused(500), calls: [callTo(v1)] },
    ["backend"],
  ],
  ["a backend on a status that does not tell", { status: [500], backend: v2 }, refused(500), []],
  [
    "path, method and host as the backend saw them",
    { backendRequest: { path: "/a", method: "PUT", host: "x" } },
    answered(),
    ["backendRequest.path", "backendRequest.method", "backendRequest.host"],
  ],
  ["a header as a list", { backendRequest: { headers: { "X-A": "1,2" } } }, seen({ "x-a": ["1", "2"] }), []],
  [
    "a header in another order",
    { backendRequest: { headers: { "X-A": "2,1" } } },
    seen({ "x-a": ["1, 2"] }),
    ["backendRequest.headers"],
  ],
  ["a header that is missing", { backendRequest: { headers: { "X-A": "1" } } }, seen({}), ["backendRequest.headers"]],
  [
    "a header that is there",
    { backendRequest: { absentHeaders: ["X-A"] } },
    seen({ "x-a": ["1"] }),
    ["backendRequest.absentHeaders"],
  ],
  ["the backend's name in a header", { backendRequest: { headerEqualsBackendName: "Who" } }, seen({ who: ["v1"] }), []],
  [
    "the name twice",
    { backendRequest: { headerEqualsBackendName: "Who" } },
    seen({ who: ["v1", "v1"] }),
    ["backendRequest.headerEqualsBackendName"],
  ],
  [
    "a response header of a choice",
    { response: { headersAnyOf: { A: ["1", "2"] } } },
    answered({ headers: { a: ["2"] } }),
    [],
  ],
  [
    "a response header beside the choice",
    { response: { headersAnyOf: { A: ["1", "2"] } } },
    answered({ headers: { a: ["3"] } }),
    ["response.headersAnyOf"],
  ],
  ["a redirect", { status: [302], redirect }, location("https://other.test/x"), []],
  ["a default port written out", { status: [302], redirect }, location("https://other.test:443/x"), []],
  [
    "a port that was not to be there",
    { status: [302], redirect },
    location("https://other.test:8443/x"),
    ["redirect.port"],
  ],
  [
    "a default port that was to be written",
    { status: [302], redirect: { ...redirect, port: "443" } },
    location("https://other.test/x"),
    ["redirect.port"],
  ],
  [
    "a redirect elsewhere",
    { status: [302], redirect },
    location("/y"),
    ["redirect.scheme", "redirect.host", "redirect.path"],
  ],
  ["no Location", { status: [302], redirect }, refused(302), ["redirect"]],
  [
    "a mirrored request",
    { mirrors: [{ backend: v2, path: "/", times: 1 }] },
    answered({ calls: [callTo(v1), callTo(v2)] }),
    [],
  ],
  ["no mirrored request", { mirrors: [{ backend: v2, path: "/", times: 1 }] }, answered(), ["mirrors"]],
  [
    "a mirrored request too many",
    { mirrors: [{ backend: v2, path: "/", times: 1 }] },
    answered({ calls: [callTo(v2), callTo(v2)] }),
    ["mirrors.times"],
  ],
  ["the attempts", { backendAttempts: 2 }, answered(), ["backendAttempts"]],
  ["an answer too early", { latencyMs: { min: 10 } }, answered(), ["latencyMs"]],
  ["an answer too late", { latencyMs: { max: 4 } }, answered(), ["latencyMs"]],
  [
    "a session's cookie",
    { session: { cookieName: "a", cookiePath: "/x", cookieAttributesAbsent: ["Expires"] } },
    cookie("a=1; Path=/x"),
    [],
  ],
  [
    "another cookie",
    { session: { cookieName: "b", cookiePath: "/", cookieAttributesAbsent: ["Path"] } },
    cookie("a=1; Path=/x"),
    ["session.cookieName", "session.cookieAttributesAbsent", "session.cookiePath"],
  ],
  ["a cookie's life", { session: { expiresInSeconds: { value: 60, tolerance: 1 } } }, cookie("a=1; Max-Age=60"), []],
  [
    "a cookie that lives too long",
    { session: { expiresInSeconds: { value: 60, tolerance: 1 } } },
    cookie("a=1; Max-Age=90"),
    ["session.expiresInSeconds"],
  ],
])("%s", (_, expected, observation, complaints) => {
  expect(fields(expected, observation)).toEqual(complaints);
});

it.each<[string, Partial<Expected>, string[]]>([
  [
    "within tolerance",
    { distribution: { requests: 4, maxAttempts: 1, tolerance: 0.05, weights: { v1: 0.75, v2: 0.25 } } },
    [],
  ],
  [
    "beyond it",
    { distribution: { requests: 4, maxAttempts: 1, tolerance: 0.05, weights: { v1: 0.5, v2: 0.5 } } },
    ["distribution", "distribution"],
  ],
  [
    "for one that was not to be called",
    { distribution: { requests: 4, maxAttempts: 1, tolerance: 1, weights: { v1: 1, v2: 0 } } },
    ["distribution"],
  ],
  [
    "for one that nobody named",
    { distribution: { requests: 4, maxAttempts: 1, tolerance: 1, weights: { v1: 1 } } },
    ["distribution"],
  ],
  [
    "of statuses",
    { statusDistribution: { requests: 4, maxAttempts: 1, tolerance: 0.1, shares: { "200": 0.5 } } },
    ["statusDistribution"],
  ],
  ["a session that moves", { session: { sameAs: "backend" } }, ["session.sameAs"]],
])("shares %s", (_, expected, complaints) => {
  const other = answered({ backend: { ...v2, instance: "v2-0" } });
  expect(fields(expected, answered(), answered(), answered(), other)).toEqual(complaints);
});

it("tells apart what upstream does not assert", () => {
  const request = requestOf({ status: [200], backend: v2, latencyMs: { max: 1 } }, { derived: ["backend"] });
  expect(judge(request, [answered()]).map(({ field, derived }) => [field, derived])).toEqual([
    ["backend", true],
    ["latencyMs", false],
  ]);
});

it("patches JSON by RFC 6902", () => {
  const document = { a: [1, 2], "b/c": { d: 1 } };
  const done = patched(document, [
    { op: "test", path: "/a/0", value: 1 },
    { op: "add", path: "/a/-", value: 3 },
    { op: "add", path: "/a/0", value: 0 },
    { op: "remove", path: "/a/1" },
    { op: "replace", path: "/b~1c/d", value: 2 },
    { op: "copy", from: "/b~1c", path: "/e" },
    { op: "move", from: "/a/0", path: "/f" },
  ]);
  expect(done).toEqual({ a: [2, 3], "b/c": { d: 2 }, e: { d: 2 }, f: 0 });
  expect(document).toEqual({ a: [1, 2], "b/c": { d: 1 } });
  expect(() => patched(document, [{ op: "remove", path: "/nowhere" }])).toThrow("nothing is at /nowhere");
});
