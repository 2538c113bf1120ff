import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { FakeControl } from "./fake-control.ts";
import { folder, selvedge } from "./selvedge.ts";

const script = { "POST /v1/sign-in": { body: { code: "c0de", expiresInMs: 60_000 } } };

it.each([
  ["dashboard-no-open", "dashboard --no-open"],
  ["dashboard-no-browser", "dashboard"],
])("%s", async (golden, line) => {
  await using control = await FakeControl.start(script);
  // Where no program is found that opens a browser.
  expect(await selvedge(line, { control, env: { PATH: "/nowhere" } })).toMatchGolden(golden);
});

it("hands the browser a link that signs in, and prints one that does not", async () => {
  await using control = await FakeControl.start(script);
  const bin = folder({ "xdg-open": '#!/bin/sh\nexec echo "$@" > "$HOME/opened"\n' });
  chmodSync(join(bin, "xdg-open"), 0o755);
  const cwd = folder({});
  const run = await selvedge("dashboard", { control, cwd, env: { PATH: `${bin}:/usr/bin:/bin` } });
  expect([run.stdout, run.stderr, run.code]).toEqual([`${control.url}/\n`, "", 0]);
  await vi.waitFor(() =>
    expect(readFileSync(join(cwd, "opened"), "utf8")).toBe(`${control.url}/#/sign-in?code=c0de\n`),
  );
});
