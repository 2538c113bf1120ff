import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Asked,
  isNews,
  lifeLeft,
  mayShare,
  patience,
  type Terms,
  termsOf,
  usable,
  variantKey,
  variedBy,
} from "../../../mesh/policies/stale-serve.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const HOUR = 3_600_000;
const POLICY = { maxStaleMs: HOUR };

const headers = (all: Readonly<Record<string, string>>) => (name: string) => all[name] ?? null;
const asked = (all: Readonly<Record<string, string>> = {}, known = false): Asked => ({ header: headers(all), known });
const terms = (
  answer: Readonly<Record<string, string>>,
  {
    request = asked(),
    status = 200,
    policy = POLICY,
  }: { request?: Asked; status?: number; policy?: typeof POLICY } = {},
) => termsOf(policy, request, { status, header: headers(answer) }, NOW);
const by = (cacheControl: string) => ({ "cache-control": cacheControl });

describe("an answer is kept", () => {
  it.each<[string, Record<string, string>, Partial<Terms>]>([
    [
      "while it is fresh, and as long after that as the policy says",
      by("max-age=60"),
      { freshMs: 60_000, staleMs: HOUR },
    ],
    ["for everyone when it is public", by("public, max-age=60"), { open: true }],
    ["for those who do not say who they are when it is not", by("max-age=60"), { open: false }],
    ["stale at once when that is all it may be", by("public"), { freshMs: 0, staleMs: HOUR }],
    ["as long as stale-if-error says", by("max-age=60, stale-if-error=30"), { staleMs: 30_000 }],
    ["no longer than the policy says", by("max-age=60, stale-if-error=86400"), { staleMs: HOUR }],
    ["not when stale, after must-revalidate", by("max-age=60, must-revalidate"), { staleMs: 0 }],
    ["nor after proxy-revalidate", by("max-age=60, proxy-revalidate, stale-if-error=9"), { staleMs: 0 }],
    ["nor after s-maxage, which goes before max-age", by("max-age=9, s-maxage=60"), { freshMs: 60_000, staleMs: 0 }],
    ["but if s-maxage comes with stale-if-error", by("s-maxage=60, stale-if-error=30"), { staleMs: 30_000 }],
    [
      "until it expires",
      { expires: "Wed, 25 Nov 2026 12:01:00 GMT", date: "Wed, 25 Nov 2026 12:00:00 GMT" },
      { freshMs: 60_000, bornAt: NOW },
    ],
    ["from when it was made", { ...by("max-age=60"), age: "20" }, { bornAt: NOW - 20_000 }],
    [
      "from its date, where that is earlier",
      { ...by("max-age=60"), age: "1", date: "Wed, 25 Nov 2026 11:59:40 GMT" },
      { bornAt: NOW - 20_000 },
    ],
    ["with a cookie, if it is public", { ...by("public, max-age=60"), "set-cookie": "a=1" }, { open: true }],
    ["as the first says of what stands twice", by("max-age=60, max-age=9"), { freshMs: 60_000 }],
    ["as quoted numbers say, too", by('Max-Age="60"'), { freshMs: 60_000 }],
    ["that is packed as the runtime can unpack", { ...by("max-age=60"), "content-encoding": "br" }, {}],
  ])("%s", (_, answer, expected) => {
    expect(terms(answer)).toMatchObject(expected);
  });

  it.each<[string, Record<string, string>, { request?: Asked; status?: number }?]>([
    ["that says nothing", {}],
    ["that has a validator alone", { etag: '"1"', "last-modified": "Wed, 25 Nov 2026 11:00:00 GMT" }],
    ["that must not be stored", by("public, no-store")],
    ["that is private", by("private, max-age=60")],
    ["whose cookies are private", by('public, private="set-cookie"')],
    ["that must be asked for each time", by("public, no-cache")],
    ["of which a part must be asked for each time", by('max-age=60, no-cache="x-a"')],
    ["whose directives cannot be read for sure", by('max-age=60, x="public')],
    ["whose directives are apart by semicolons", by("public; max-age=60")],
    ["with a cookie that is not said to be public", { ...by("max-age=60"), "set-cookie": "a=1" }],
    ["to someone, that is not said to be public", by("max-age=60"), { request: asked({}, true) }],
    ["to a request that is not to be stored", by("public"), { request: asked(by("no-store")) }],
    ["that is partial", by("public"), { status: 206 }],
    ["that is an error of the service", by("public"), { status: 503 }],
    ["that is not for the next", { ...by("public"), vary: "*" }],
    ["that depends on too much", { ...by("public"), vary: "a,b,c,d,e,f,g,h,i" }],
    ["that is packed as the runtime cannot unpack", { ...by("public"), "content-encoding": "zstd" }],
    ["that has expired and must not be stale", { ...by("max-age=60, must-revalidate"), age: "60" }],
    ["whose lifetime is no number, and which must not be stale", by("max-age=-1, must-revalidate")],
    ["that has expired, with Expires: 0", { ...by("must-revalidate"), expires: "0" }],
  ])("not one %s", (_, answer, more) => {
    expect(terms(answer, more)).toBeUndefined();
  });
});

describe("a kept answer", () => {
  const kept: Terms = { bornAt: NOW, freshMs: 60_000, staleMs: 30_000, open: false };
  it.each<[string, number, Asked, object | undefined]>([
    ["is given while it is fresh", 10_500, asked(), { age: 10, ttl: 49 }],
    ["is given when it is stale", 70_500, asked(), { age: 70, ttl: -11 }],
    ["is not given when it is too stale", 90_000, asked(), undefined],
    ["is not given to someone", 0, asked({}, true), undefined],
    ["is given to who reloads: the service was asked", 10_500, asked(by("no-cache, max-age=0")), { age: 10, ttl: 49 }],
    ["is given to who takes it so stale", 65_000, asked(by("stale-if-error=6")), { age: 65, ttl: -5 }],
    ["is not given to who does not", 65_000, asked(by("stale-if-error=5")), undefined],
  ])("%s", (_, after, request, expected) => {
    expect(usable(kept, request, NOW + after)).toEqual(expected);
  });

  it("that everyone may have is given to someone", () => {
    expect(usable({ ...kept, open: true }, asked({}, true), NOW)).toEqual({ age: 0, ttl: 60 });
  });

  it("is of use for as long as it may be given", () => {
    expect(lifeLeft(kept, NOW + 1000)).toBe(89_000);
  });

  it.each([
    [8999, false],
    [9000, true],
  ])("that is %d ms older than another is renewed: %s", (ms, expected) => {
    expect(isNews(kept, { ...kept, bornAt: NOW + ms })).toBe(expected);
  });
});

// Whatever an answer says and whoever asks: what is kept was allowed to be, and what is given is for who asks, and not too old.
it("no answer is kept that is somebody's, and none is given too stale or to the wrong one", () => {
  const directive = fc.oneof(
    fc.constantFrom("no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate", "public", "immutable"),
    fc
      .tuple(fc.constantFrom("max-age", "s-maxage", "stale-if-error"), fc.nat({ max: 200 }))
      .map(([name, count]) => `${name}=${count}`),
    fc.constantFrom('private="x"', 'x="no-store, private"', "max-age", 'max-age="7"', ""),
  );
  const cacheControl = fc
    .array(fc.tuple(directive, fc.boolean()), { maxLength: 5 })
    .map((all) => all.map(([text, upper]) => (upper ? text.toUpperCase() : text)).join(", "));
  const person = fc.record({ known: fc.boolean(), cacheControl });
  fc.assert(
    fc.property(
      fc.record({
        status: fc.constantFrom(200, 206, 301, 304, 404, 500),
        cacheControl,
        cookie: fc.boolean(),
        age: fc.nat({ max: 300 }),
        maxStale: fc.nat({ max: 100 }),
        first: person,
        second: person,
        later: fc.nat({ max: 400 }),
      }),
      ({ status, cacheControl: said, cookie, age, maxStale, first, second, later }) => {
        const answer = { ...by(said), age: String(age), ...(cookie && { "set-cookie": "a=1" }) };
        const policy = { maxStaleMs: maxStale * 1000 };
        const found = terms(answer, { request: asked(by(first.cacheControl), first.known), status, policy });
        if (!found) return;
        // Beyond the quoted strings, names are what stands between commas.
        const names = said
          .replace(/="[^"]*"/g, "")
          .toLowerCase()
          .split(/\s*,\s*/);
        const says = (name: string) => names.some((one) => one.split("=")[0] === name);
        expect([200, 301, 404]).toContain(status);
        expect(says("no-store") || says("private") || says("no-cache")).toBe(false);
        const forAll = says("public") || says("s-maxage");
        expect(forAll || !(cookie || first.known)).toBe(true);
        const use = usable(found, asked(by(second.cacheControl), second.known), NOW + later * 1000);
        if (!use) return;
        expect(forAll || !second.known).toBe(true);
        expect(use.age).toBe(age + later);
        expect(-use.ttl).toBeLessThanOrEqual(maxStale);
        expect(use.ttl < 0 && (says("must-revalidate") || says("proxy-revalidate"))).toBe(false);
      },
    ),
    { numRuns: 2000 },
  );
});

describe("what an answer depends on", () => {
  it.each<[string | null, readonly string[] | undefined]>([
    [null, []],
    ["Accept-Encoding", []],
    ["Accept-Language, accept", ["accept", "accept-language"]],
    ["accept, *", undefined],
  ])("by Vary: %s is %j", (vary, expected) => {
    expect(variedBy(vary)).toEqual(expected);
  });

  it("tells requests apart, an absent header from an empty one too, and one choice from the next", () => {
    const choice = { kind: "varies", by: ["a", "b"], id: "i1.1" } as const;
    const keys = [headers({}), headers({ a: "" }), headers({ b: "" }), headers({ a: "1", b: "2" })].map((header) =>
      variantKey("k", choice, header),
    );
    expect(new Set([...keys, variantKey("k", { ...choice, id: "i1.2" }, headers({}))]).size).toBe(5);
  });
});

it.each([
  ["", true],
  ["max-age=0", true],
  ["no-cache", false],
  ["no-store", false],
])("who asks with Cache-Control: %s takes another's answer: %s", (cacheControl, expected) => {
  expect(mayShare(asked(by(cacheControl)))).toBe(expected);
});

it.each([
  [10_000, 9900],
  [200, 100],
  [50, 25],
  [-5, -2.5],
])("of %d ms, %d are spent on waiting", (left, expected) => {
  expect(patience(left)).toBe(expected);
});
