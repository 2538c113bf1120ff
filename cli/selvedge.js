#!/usr/bin/env node
// Plain JavaScript, because a Node too old to strip types cannot read main.ts far enough to say so.
import module from "node:module";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `error: selvedge needs Node 22.18 or newer, and this is ${process.versions.node} (${process.execPath}); ` +
      "`npm install` brings one along: run `npx selvedge`\n",
  );
  process.exitCode = 1;
} else {
  // Types are stripped and code compiled once, not on every start.
  module.enableCompileCache();
  await import("./main.ts");
}
