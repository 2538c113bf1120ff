/** Virtual time: events in the order of their times, those of one time in the order in which they were made. */
export class Timeline {
  #heap: Event[] = [];
  #made = 0;
  /** Milliseconds. */
  now = 0;

  at(time: number, run: () => void): Event {
    const event: Event = { time: Math.max(time, this.now), order: this.#made++, run };
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
    return event;
  }

  after(ms: number, run: () => void): Event {
    return this.at(this.now + ms, run);
  }

  runUntil(end: number): void {
    while (this.step(end));
  }

  /** The next event that is still wanted, if it is one of those up to `end`; otherwise it is `end` now. */
  step(end: number): boolean {
    let next = this.#heap[0];
    while (next && !next.run) {
      this.#removeFirst();
      next = this.#heap[0];
    }
    if (!next?.run || next.time > end) {
      this.now = end;
      return false;
    }
    this.#removeFirst();
    this.now = next.time;
    next.run();
    return true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

export type Event = {
  readonly time: number;
  readonly order: number;
  /** Undefined: it will not happen. */
  run: (() => void) | undefined;
};

const isBefore = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);

/** Numbers from 0 to 1 by a seed (mulberry32): the same run every time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const exponential = (random: () => number): number => -Math.log(1 - random());

/** Standard normal, by Box and Muller. */
export const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
