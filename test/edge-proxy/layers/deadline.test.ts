import { describe, expect, it } from "vitest";
import { Denied, type Handler } from "../../../workers/edge-proxy/layer.ts";
import { callersDeadline, deadline } from "../../../workers/edge-proxy/layers/deadline.ts";
import { isGivenUp } from "../../../workers/edge-proxy/outcome.ts";
import { callWith } from "./call.ts";

const cause = (answer: Promise<Response>) =>
  answer.then(
    ({ status }) => status,
    (error: unknown) => (error instanceof Denied ? error.denial.cause : error),
  );
const hangs: Handler = () => new Promise(() => {});

describe("a deadline", () => {
  it("answers on time, aborts what runs below it, and does not say that the caller gave up", async () => {
    const call = callWith({});
    expect(await cause(deadline({ ms: 10 })(hangs)(call))).toBe("deadline-exceeded");
    expect([call.signal?.aborted, isGivenUp(call)]).toEqual([true, false]);
  });

  it("tells those below when it is", async () => {
    const call = callWith({ now: () => 1000 });
    await deadline({ ms: 50 })(async () => new Response())(call);
    expect(call.deadline).toBe(1050);
  });

  it.each([
    ["the nearer of two", 100, 20, 1020],
    ["even if it is the outer one", 20, 100, 1020],
  ])("is %s", async (_, outer, inner, expected) => {
    const call = callWith({ now: () => 1000 });
    await deadline({ ms: outer })(deadline({ ms: inner })(async () => new Response()))(call);
    expect(call.deadline).toBe(expected);
  });
});

describe("a caller's own deadline", () => {
  it("that is up refuses the work before it is begun", async () => {
    let begun = 0;
    const inner: Handler = async () => {
      begun++;
      return new Response();
    };
    expect(await cause(callersDeadline(0)(inner)(callWith({})))).toBe("deadline-exceeded");
    expect(begun).toBe(0);
  });

  it("says of nobody but the caller that it was too long", async () => {
    const call = callWith({});
    expect(await cause(callersDeadline(10)(hangs)(call))).toBe("deadline-exceeded");
    expect(isGivenUp(call)).toBe(true);
  });

  it("cannot lengthen what the mesh allows", async () => {
    const call = callWith({});
    expect(await cause(callersDeadline(60_000)(deadline({ ms: 10 })(hangs))(call))).toBe("deadline-exceeded");
    expect(isGivenUp(call)).toBe(false);
  });
});
