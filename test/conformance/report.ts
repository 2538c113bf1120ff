/** What a run is told as: a line for each failure, a table by group and by feature, and the reasons of what was skipped. */
import type { Case } from "./case.ts";
import type { Verdict } from "./run.ts";

type Told = { readonly one: Case; readonly verdict: Verdict };
type Counts = { passed: number; failed: number; skipped: number };

export function table(title: string, told: readonly Told[], keys: (one: Case) => readonly string[]): string {
  const rows = new Map<string, Counts>();
  for (const { one, verdict } of told)
    for (const key of keys(one)) {
      const counts = rows.get(key) ?? { passed: 0, failed: 0, skipped: 0 };
      counts[verdict.outcome]++;
      rows.set(key, counts);
    }
  const width = Math.max(title.length, ...[...rows.keys()].map((key) => key.length));
  const line = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(width) + cells.map((cell) => String(cell).padStart(9)).join("");
  return [
    line(title, ["passed", "failed", "skipped"]),
    ...[...rows].map(([name, { passed, failed, skipped }]) => line(name, [passed, failed, skipped])),
  ].join("\n");
}

export const failureLine = ({ id, reasons, derivedOnly }: Verdict): string =>
  `FAILED ${id}${derivedOnly ? " (derived expectations only)" : ""}\n${reasons.map((reason) => `    ${reason}`).join("\n")}`;

/** Each reason once, with the cases that it took. */
export function skipped(told: readonly Told[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { verdict } of told)
    if (verdict.outcome === "skipped")
      for (const reason of verdict.reasons) byReason.set(reason, [...(byReason.get(reason) ?? []), verdict.id]);
  return [...byReason].map(([reason, ids]) => `SKIPPED ${ids.length}: ${reason}\n    ${ids.join(" ")}`);
}

export function closing(told: readonly Told[]): string {
  const count = (outcome: Verdict["outcome"]) => told.filter(({ verdict }) => verdict.outcome === outcome).length;
  const derived = told.filter(({ verdict }) => verdict.derivedOnly).length;
  return `${count("passed")} passed, ${count("failed")} failed (${derived} of them by derived expectations only), ${count("skipped")} skipped`;
}
