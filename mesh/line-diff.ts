/** Unified diff of two texts, by lines (Myers, "An O(ND) Difference Algorithm", 1986). */

const CONTEXT = 3;

type Edit = { readonly sign: " " | "-" | "+"; readonly line: string };

/** Empty when the texts are equal. */
export function unifiedDiff(before: string, after: string, beforeName: string, afterName: string): string {
  if (before === after) return "";
  const edits = shortestEdits(linesOf(before), linesOf(after));
  return [`--- ${beforeName}`, `+++ ${afterName}`, ...hunks(edits)].join("\n") + "\n";
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function shortestEdits(a: readonly string[], b: readonly string[]): Edit[] {
  // trail[d] is how far along `a` each diagonal had come after d edits; walked backwards it gives the path.
  const trail: Map<number, number>[] = [];
  let reach = new Map([[1, 0]]);
  for (let d = 0; ; d++) {
    const next = new Map(reach);
    for (let k = -d; k <= d; k += 2) {
      let x = goesDown(reach, k, d) ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      next.set(k, x);
      if (x >= a.length && x - k >= b.length) return pathBack([...trail, reach], a, b);
    }
    trail.push(reach);
    reach = next;
  }
}

const goesDown = (reach: ReadonlyMap<number, number>, k: number, d: number): boolean =>
  k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));

function pathBack(trail: readonly ReadonlyMap<number, number>[], a: readonly string[], b: readonly string[]): Edit[] {
  const edits: Edit[] = [];
  let x = a.length;
  let y = b.length;
  for (const [d, reach] of [...trail.entries()].reverse()) {
    const down = goesDown(reach, x - y, d);
    const k = down ? x - y + 1 : x - y - 1;
    const fromX = d === 0 ? 0 : (reach.get(k) ?? 0);
    const fromY = d === 0 ? 0 : fromX - k;
    for (; x > fromX && y > fromY; x--, y--) edits.push({ sign: " ", line: a[x - 1] ?? "" });
    if (d === 0) break;
    if (down) edits.push({ sign: "+", line: b[--y] ?? "" });
    else edits.push({ sign: "-", line: a[--x] ?? "" });
  }
  return edits.reverse();
}

function hunks(edits: readonly Edit[]): string[] {
  const out: string[] = [];
  let before = 1;
  let after = 1;
  for (let i = 0; i < edits.length;) {
    if (edits[i]?.sign === " ") {
      i++;
      before++;
      after++;
      continue;
    }
    const start = Math.max(0, i - CONTEXT);
    const end = endOfHunk(edits, i);
    const body = edits.slice(start, end);
    const lead = i - start;
    const removed = body.filter(({ sign }) => sign !== "+").length;
    const added = body.filter(({ sign }) => sign !== "-").length;
    out.push(
      `@@ -${range(before - lead, removed)} +${range(after - lead, added)} @@`,
      ...body.map(({ sign, line }) => sign + line),
    );
    before += removed - lead;
    after += added - lead;
    i = end;
  }
  return out;
}

/** A hunk ends where more than two contexts' worth of equal lines follow. */
function endOfHunk(edits: readonly Edit[], from: number): number {
  let lastChange = from;
  for (let i = from; i < edits.length && i - lastChange <= 2 * CONTEXT; i++) if (edits[i]?.sign !== " ") lastChange = i;
  return Math.min(edits.length, lastChange + CONTEXT + 1);
}

/** GNU diff's form: an empty side starts one line earlier, a single line has no length. */
const range = (start: number, length: number): string =>
  length === 0 ? `${start - 1},0` : length === 1 ? `${start}` : `${start},${length}`;
