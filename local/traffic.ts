/** Light traffic through the edge, as from visitors of the shop: enough to see a weight or a breaker at work. */
import { Agent, request as send } from "node:http";

const EVERY_MS = 200;
const REPORT_EVERY_MS = 10_000;
/** Longer than any timeout of the mesh, so that its own answer is seen first. */
const GIVE_UP_MS = 10_000;

/** One line in ten seconds at most, and only if something failed. */
export function startTraffic(port: number, host: string, report: (line: string) => void): () => void {
  const agent = new Agent({ keepAlive: true });
  const failures = new Map<string, number>();
  let sent = 0;
  let turn = 0;

  const sending = setInterval(() => {
    turn++;
    sent++;
    const [method, path] = turn % 2 === 0 ? ["GET", "/"] : ["POST", "/checkout"];
    const failed = (why: string) => failures.set(why, (failures.get(why) ?? 0) + 1);
    const request = send({ host: "127.0.0.1", port, method, path, agent, headers: { host }, timeout: GIVE_UP_MS });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", (error: NodeJS.ErrnoException) => failed(`edge: ${error.code ?? error.message}`));
    request.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("error", () => {}); // the request's own handler counts it
      response.on("end", () => {
        if (response.statusCode !== 200) failed(`${method} ${path} ${response.statusCode} ${reason(body)}`.trim());
      });
    });
    request.end();
  }, EVERY_MS);

  const reporting = setInterval(() => {
    const total = [...failures.values()].reduce((sum, count) => sum + count, 0);
    const what = [...failures].map(([why, count]) => `${count} x ${why}`).join(", ");
    if (total > 0) report(`traffic: ${total} of ${sent} requests failed in the last 10 s (${what})`);
    failures.clear();
    sent = 0;
  }, REPORT_EVERY_MS);

  return () => {
    clearInterval(sending);
    clearInterval(reporting);
    agent.destroy();
  };
}

/** The cause of the innermost answer, where the mesh gave it; otherwise what the failing service said. */
const reason = (body: string): string => /"(?:cause|error)":\s*"([^"]{1,60})/.exec(body)?.[1] ?? "";
