/** Istio's patterns of text: `*` for anything that is not empty, `abc*` and `*abc` for a beginning and an end, or the text itself. */
export type Fits = (text: string) => boolean;

export function textPattern(pattern: string): Fits {
  if (pattern === "*") return (text) => text !== "";
  if (pattern.endsWith("*")) {
    const start = pattern.slice(0, -1);
    return (text) => text.startsWith(start);
  }
  if (pattern.startsWith("*")) {
    const end = pattern.slice(1);
    return (text) => text.endsWith(end);
  }
  return (text) => text === pattern;
}
