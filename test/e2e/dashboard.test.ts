/**
 * `npm start` and the dashboard in a browser: one operator's session, each test a step of it.
 * `SCREENSHOTS=1` takes the pictures of docs/images while it goes, after some minutes of traffic.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SignInResponse } from "../../mesh/api.ts";
import { type Ports, portsFrom } from "../../local/ports.ts";
import { type Browser, openBrowser } from "../support/browser.ts";
import { ask } from "../support/http.ts";
import { largeMetrics, largeResources } from "../support/large-mesh.ts";
import { pause } from "../support/mesh.ts";
import { freeBase } from "../support/ports.ts";
import { missing } from "../support/programs.ts";
import { start, type Started } from "../support/start.ts";

const IMAGES = fileURLToPath(new URL("../../docs/images", import.meta.url));
const SCREENSHOTS = process.env["SCREENSHOTS"] === "1";
/** So long a time fills most of a chart. */
const WARM_MS = SCREENSHOTS ? 150_000 : 0;
const VIEWS = ["overview", "graph", "services", "service?name=shop/payments", "configuration", "edges"];

const why = missing("chromium");

describe.skipIf(why)(`the dashboard${why ? ` (${why})` : ""}`, () => {
  let dir: string;
  let ports: Ports;
  let mesh: Started;
  let browser: Browser;
  let page: Page;
  let token: string;

  beforeAll(async () => {
    // Its path is in the pictures.
    dir = await mkdtemp(SCREENSHOTS ? ".selvedge-" : join(tmpdir(), "selvedge-dashboard-"));
    const base = await freeBase();
    ports = portsFrom(base);
    mesh = start("--port", String(base), "--dir", dir);
    [browser] = await Promise.all([openBrowser(), mesh.says("Ctrl-C stops everything.")]);
    page = browser.page;
    token = (await readFile(join(dir, "token"), "utf8")).trim();
    await page.goto(`http://127.0.0.1:${ports.control}/`);
    if (SCREENSHOTS) await pause(WARM_MS);
  }, 60_000 + WARM_MS);

  afterAll(async () => {
    await browser?.close();
    mesh?.signal("SIGTERM");
    await mesh?.ended;
    await rm(dir, { recursive: true, force: true });
  });

  /** Goes where a link or a key would, and waits for the view's own heading. */
  const show = async (view: string): Promise<void> => {
    await page.evaluate(`void (location.hash = "#/${view}")`);
    await page.locator("main h1").waitFor();
  };
  const sees = (selector: string, text: string | RegExp): Promise<void> =>
    page.locator(selector).filter({ hasText: text }).first().waitFor();
  const picture = async (name: string): Promise<void> => {
    if (!SCREENSHOTS) return;
    const height = await page.evaluate(`document.documentElement.scrollHeight`);
    await page.setViewportSize({ width: 1360, height: Number(height) });
    await page.screenshot({ path: join(IMAGES, `${name}.png`) });
    await page.setViewportSize({ width: 1360, height: 800 });
  };
  const checkout = () =>
    ask({ port: ports.edge, host: "shop.localhost", path: "/checkout", method: "POST" }).then(({ status }) => status);
  const payments = (path: string) => ask({ port: ports.payments, path, method: "POST" });
  /** Buys until `done`; a breaker closes only under traffic. */
  const buying = async (done: Promise<void>): Promise<void> => {
    const over = done.then(() => true);
    for (;;) {
      await checkout();
      if (await Promise.race([over, pause(50).then(() => false)])) return;
    }
  };

  it("asks for a token before it asks for anything else, and refuses a wrong one", async () => {
    await page.getByLabel("Control token").fill("not the token");
    expect(browser.complaints).toEqual([]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await sees(".trouble", /./);
    browser.complaints.splice(0);
    await page.getByLabel("Control token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await sees("h1", "Overview");
    const seen = await page.evaluate(`document.cookie + JSON.stringify([localStorage, sessionStorage])`);
    expect(seen).not.toContain(token);
  });

  it("shows how the mesh is", async () => {
    await sees(".figure", /Requests.*[1-9][\d.]*k? in all/);
    await sees(".figure", /Success100%.*no 5xx/);
    await sees("tr[data-row='shop/payments']", /100%/);
    await sees("#breakers tr", /shop\/payments.*closed/);
    await sees("#wrong", "Nothing. Services answer, breakers are closed, edges run epoch 1.");
    await page.reload();
    await sees("h1", "Overview");
    await expect.poll(() => page.title()).toBe("overview · Selvedge");
  });

  it("shows who calls whom, and more of one when it is asked", async () => {
    await page.keyboard.press("2");
    await sees("h1", "Service graph");
    await page.locator("[data-node='shop/payments']").click();
    await sees("#panel h2", "shop/payments");
    await sees("#panel dl", /requests.*100% success/);
    expect(page.url()).toContain("node=shop%2Fpayments");
    await page.getByText("Open the service").click();
    await sees("h1", "payments");
    await sees("#callers td", /./);
    await sees("#policies summary", "payments");
  });

  it("shows a breaker open while its service fails, and close once it is well", async () => {
    await show("overview");
    await payments("/_break?status=503&for=1m");
    await buying(sees("#breakers tr", /shop\/payments.*open/));
    await sees("#wrong li", /breaker (open|half-open).*shop\/payments/);
    await sees("#wrong li", /shop\/payments.*answered 5xx/);
    if (SCREENSHOTS) await buying(pause(12_000));
    await picture("dashboard");
    await page.keyboard.press("t");
    await picture("dashboard-dark");
    await page.keyboard.press("t");
    await show("service?name=shop/payments");
    await sees("#breakers tr", "open");
    await sees(".command", "selvedge describe backend payments -n shop");
    await sees("#policies summary", "payments");
    await sees("tr", "breaker-open");
    await picture("service");
    await show("graph?node=shop/checkout");
    await sees(".call.failing text", "5xx");
    await picture("graph");
    await show("service?name=shop/payments");
    await payments("/_mend");
    await buying(sees("#breakers tr", /shop\/payments.*closed/));
    // It lets through ever more until it is as before.
    await expect.poll(checkout, { timeout: 10_000 }).toBe(200);
  });

  it("shows what an epoch changed, and takes it back at the edge", async () => {
    const catalog = await readFile(join(dir, "shop", "catalog.yaml"), "utf8");
    const text = catalog.replace("weight: 90", "weight: 0");
    const changed = await ask({
      port: ports.control,
      path: "/v1/apply",
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ files: [{ name: "catalog.yaml", text }], author: "you", message: "All to v2" }),
    });
    expect(changed.status).toBe(200);
    await page.keyboard.press("4");
    await sees("#history tr", /2.*in force.*you.*All to v2/);
    await page.locator("tr[data-row='2']").getByText("Diff").click();
    await sees(".removed", "weight: 90");
    await sees(".added", "weight: 0");
    await picture("configuration");
    await edgeAnswers(2, "v2");

    const first = page.locator("tr[data-row='1']");
    await first.getByText("Roll back…").click();
    await first.getByText("Roll back to 1").click();
    await sees("#history tr", /3.*in force.*dashboard.*Rollback to epoch 1/);
    await edgeAnswers(3, "v1");
    await sees("#resources tr", /Gateway.*Accepted · Programmed · ResolvedRefs$/s);
    await sees("#resources tr", /HTTPRoute.*catalog.*Accepted/s);
  });

  /** Waits until the edge runs `epoch` and its catalog has answered with `version`. */
  async function edgeAnswers(epoch: number, version: string): Promise<void> {
    for (const until = Date.now() + 10_000; Date.now() < until; await pause(20)) {
      const { headers, body } = await ask({ port: ports.edge, path: "/~catalog.shop/items" });
      if (headers["selvedge-epoch"] === String(epoch) && body.includes(`"version":"${version}"`)) return;
    }
    throw new Error(`no answer of ${version} under epoch ${epoch}`);
  }

  it("shows the edges and the epoch that each runs", async () => {
    await page.keyboard.press("5");
    await sees("h1", "Edges");
    await sees("tr", /edge.*local.*3.*synced.*kv/);
    await expect.poll(() => page.locator(".command code").innerText()).toBe("selvedge proxy-status");
  });

  it("keeps what it shows in the URL, and does by key what it does by hand", async () => {
    const theme = () => page.evaluate(`getComputedStyle(document.documentElement).backgroundColor`);
    const light = await theme();
    await show("services");
    for (const key of ["]", "p", "t", "/"]) await page.keyboard.press(key);
    await page.keyboard.type("pay");
    await page.reload();
    expect(page.url()).toMatch(/#\/services\?range=15m&paused=1&find=pay$/);
    await sees(".live", "paused");
    await sees(".ranges [aria-current]", "15m");
    await expect.poll(() => page.locator("[data-row]").allInnerTexts()).toEqual([expect.stringContaining("payments")]);
    await expect.poll(theme).not.toBe(light);
    for (const key of ["t", "p", "["]) await page.keyboard.press(key);
    await sees(".live", "live");
    expect(page.url()).toMatch(/#\/services\?range=5m&find=pay$/);
    await expect.poll(theme).toBe(light);
    await page.goBack();
    await sees(".ranges [aria-current]", "15m");
  });

  it.each([
    ["graph?find=nobody", "Nothing with “nobody” in its name was called in this time."],
    ["services?find=nobody", "No service has “nobody” in its name."],
    ["service?name=shop/nobody", "No request was counted in this time."],
    ["configuration?find=nobody", "No resource has “nobody” in its name."],
    ["edges?find=nobody", "No edge has “nobody” in its name."],
  ])("says why there is nothing at %s", async (view, why) => {
    await show(view);
    await expect.poll(() => page.locator(".empty").first().innerText()).toContain(why);
  });

  it("draws a mesh of 1,000 services within two looks of it", async () => {
    await page.route(/\/v1\/metrics/, (route) =>
      route.fulfill({ json: largeMetrics(new URL(route.request().url()), 1000, 3) }),
    );
    await page.route(/\/v1\/resources/, (route) => route.fulfill({ json: largeResources(1000) }));
    await page.reload();
    const took: Record<string, number> = {};
    for (const [view, drawn, count] of [
      ["overview", "tr[data-row^='team-']", 8],
      ["graph", "svg .call", 150],
      ["services", "tr[data-row^='team-']", 50],
    ] as const) {
      const began = performance.now();
      await show(view);
      await page
        .locator(drawn)
        .nth(count - 1)
        .waitFor();
      took[view] = performance.now() - began;
      expect(await page.locator(drawn).count()).toBe(count);
    }
    await sees("main .sub", "1,000 services");
    await page.getByText("Next →").click();
    await sees(".pages", "51–100 of 1000");
    expect(Object.entries(took).filter(([, ms]) => ms >= 4000)).toEqual([]);
    await page.unrouteAll();
    await page.reload();
  });

  it("fits a telephone in every view", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const view of VIEWS) {
      await show(view);
      await page.locator("tbody tr, svg .node").first().waitFor();
      const wider = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`);
      expect([view, wider]).toEqual([view, 0]);
    }
    await show("overview");
    await sees("#breakers tr", "shop/payments");
    if (SCREENSHOTS) await page.screenshot({ path: join(IMAGES, "telephone.png") });
  });

  it("is signed out of for good, and has complained of nothing", async () => {
    await page.getByText("Sign out").click();
    await page.getByLabel("Control token").waitFor();
    await page.reload();
    await page.getByLabel("Control token").waitFor();
    expect(browser.complaints).toEqual([]);
  });

  it("signs in by the link of `selvedge dashboard`, once", async () => {
    const { status, body } = await ask({
      port: ports.control,
      path: "/v1/sign-in",
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    expect(status).toBe(200);
    const { code } = JSON.parse(body) as SignInResponse;
    const link = `http://127.0.0.1:${ports.control}/#/sign-in?code=${code}`;
    await page.goto(link);
    await sees("h1", "Overview");
    expect(page.url()).not.toContain(code);
    expect(browser.complaints).toEqual([]);
    await page.getByText("Sign out").click();
    await page.goto("about:blank");
    await page.goto(link);
    await sees(".trouble", "This link was used already");
  });
});
