/** Numbers as people read them at a glance. */

/** A little is never nothing. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond < 0.01) return "<0.01";
  return perSecond < 9.95 ? perSecond.toFixed(perSecond < 0.1 ? 2 : 1) : compact(perSecond);
}

export function compact(n: number): string {
  if (n < 1000) return String(Math.round(n));
  for (const [size, unit] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const)
    if (n >= size) return `${(n / size).toFixed(n / size < 10 ? 1 : 0)}${unit}`;
  return String(n);
}

/** Not rounded up to 100 while anything fails. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const value = (100 * part) / whole;
  return value === 0 || value === 100
    ? `${value}%`
    : `${(Math.floor(value * 100) / 100).toFixed(value > 99 || value < 1 ? 2 : 1)}%`;
}

export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms === 0) return "0 ms";
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}

export function ago(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

export const plural = (n: number, noun: string): string => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
