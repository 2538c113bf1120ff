/**
 * Lines of the log on their way out. A call of `console.log` and a timer cost a busy isolate a fifth of its requests, so that lines are
 * written together: after a moment, or when there are many.
 */
export type Lines = {
  readonly texts: string[];
  /** Of all of them, in characters. */
  length: number;
  /** Until when somebody stays who will write them; whoever stays may be cut off with its request. Milliseconds since 1970. */
  keptUntil: number;
};

export const newLines = (): Lines => ({ texts: [], length: 0, keptUntil: 0 });

const WAIT_MS = 50;
const KEEP_MS = 1000;
/** The platform cuts off what one request logs beyond 256 KB. */
const MOST_CHARACTERS = 32_768;

export function write(lines: Lines, line: string, now: number, later: (work: Promise<unknown>) => void): void {
  lines.texts.push(line);
  lines.length += line.length;
  if (lines.length >= MOST_CHARACTERS) return flush(lines);
  if (now < lines.keptUntil) return;
  lines.keptUntil = now + KEEP_MS;
  later(flushSoon(lines));
}

async function flushSoon(lines: Lines): Promise<void> {
  await scheduler.wait(WAIT_MS);
  lines.keptUntil = 0;
  flush(lines);
}

function flush(lines: Lines): void {
  if (lines.texts.length === 0) return;
  console.log(lines.texts.join("\n"));
  lines.texts.length = 0;
  lines.length = 0;
}
