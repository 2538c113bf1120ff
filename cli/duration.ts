/** Lengths of time as people write and read them. */
import { InvalidArgumentError } from "commander";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR };

/** `30s`, `1m30s`, `500ms` -> milliseconds, in Go's notation as kubectl takes it. Throws commander's error for an option's value. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== text)
    throw new InvalidArgumentError("Write a duration such as 30s, 2m or 500ms.");
  return parts.reduce((sum, [, number = "", unit = ""]) => sum + Number(number) * (UNITS[unit] ?? 0), 0);
}

/** Milliseconds -> `90s`, `5m`, `2h`, `3d`: kubectl's steps, so that ages look as they do there. */
export function age(ms: number): string {
  if (!Number.isFinite(ms)) return "<unknown>";
  const whole = (unit: number) => Math.floor(Math.max(0, ms) / unit);
  const two = (big: number, bigName: string, small: number, smallName: string) => {
    const rest = Math.floor((ms % big) / small);
    return `${whole(big)}${bigName}${rest === 0 ? "" : `${rest}${smallName}`}`;
  };
  if (ms < 2 * MINUTE) return `${whole(SECOND)}s`;
  if (ms < 10 * MINUTE) return two(MINUTE, "m", SECOND, "s");
  if (ms < 3 * HOUR) return `${whole(MINUTE)}m`;
  if (ms < 8 * HOUR) return two(HOUR, "h", MINUTE, "m");
  if (ms < 2 * DAY) return `${whole(HOUR)}h`;
  if (ms < 8 * DAY) return two(DAY, "d", HOUR, "h");
  if (ms < 730 * DAY) return `${whole(DAY)}d`;
  return two(365 * DAY, "y", DAY, "d");
}
