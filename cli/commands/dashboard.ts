import { spawn } from "node:child_process";
import type { Command } from "commander";
import type { SignInResponse } from "../../mesh/api.ts";
import { connect } from "../client.ts";
import { print, say } from "../terminal.ts";

/** By platform; elsewhere as on Linux. Each takes the URL as its last argument. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

export function dashboardCommand(program: Command): void {
  const command = program
    .command("dashboard")
    .description("opens the dashboard in the browser, signed in")
    .option("--no-open", "print a link that signs in, once and within a minute, instead")
    .action(async ({ open }: { readonly open: boolean }) => {
      const control = await connect(command);
      const { code, expiresInMs } = await control.post<SignInResponse>("/sign-in", {});
      const link = `${control.url}/#/sign-in?code=${code}`;
      if (open && (await opened(link))) return print(`${control.url}/`);
      if (open) say("No browser could be opened from here; open this in one:");
      print(link);
      say(`It signs in once, within ${expiresInMs / 1000} s.`);
    });
}

/** Whether a program took the URL; what it makes of it is its own affair. */
function opened(url: string): Promise<boolean> {
  const [program, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}
