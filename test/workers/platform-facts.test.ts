import { expect, it } from "vitest";
import { platformFacts } from "../../workers/platform-facts.ts";

it("facts that cannot be read are none: a client may have made them up", () => {
  const unreadable = {
    get cf(): never {
      throw new SyntaxError("MA is not valid JSON");
    },
  };
  expect([{ cf: { colo: "AMS" } }, {}, unreadable].map((one) => platformFacts(one as unknown as Request))).toEqual([
    { colo: "AMS" },
    undefined,
    undefined,
  ]);
});
