/** A cold start on a snapshot, in a process that has done nothing else: `node bench/activate.ts FILE` says its CPU time in ms. */
import { readFileSync } from "node:fs";
import { matcher } from "../mesh/match.ts";
import { decode } from "../mesh/snapshot-text.ts";

const text = readFileSync(process.argv[2] ?? "", "utf8");
const before = process.cpuUsage();
const routes = matcher(decode(text));
const { user, system } = process.cpuUsage(before);
if (routes.rules.length === 0) throw new Error("the snapshot has no rules");
console.log((user + system) / 1000);
