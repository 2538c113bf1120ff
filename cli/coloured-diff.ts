import { paint, printable } from "./terminal.ts";

/** A unified diff as a terminal shows it. */
export function colouredDiff(text: string): string {
  const { bold, cyan, green, red } = paint(process.stdout);
  return text
    .split("\n")
    .map((raw) => {
      const line = printable(raw);
      if (/^(---|\+\+\+) /.test(line)) return bold(line);
      if (line.startsWith("@@")) return cyan(line);
      return line.startsWith("-") ? red(line) : line.startsWith("+") ? green(line) : line;
    })
    .join("\n");
}
