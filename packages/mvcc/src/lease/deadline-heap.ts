/** What a heap orders. `heapAt` is its place, or -1 when it is in none. */
export interface HeapItem {
  heapMs: number;
  heapAt: number;
}

/** The earliest first. Every item knows its place, so that any of them is taken out without a search. */
export class DeadlineHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    item.heapAt = this.#items.length;
    this.#items.push(item);
    this.#up(item);
  }

  remove(item: T): void {
    const at = item.heapAt;
    if (at < 0) return;
    item.heapAt = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#items[at] = last;
    last.heapAt = at;
    this.#up(last);
    this.#down(last);
  }

  /** Moves an item to a later time. */
  postpone(item: T, ms: number): void {
    item.heapMs = ms;
    this.#down(item);
  }

  #up(item: T): void {
    const items = this.#items;
    let at = item.heapAt;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = items[above] as T;
      if (other.heapMs <= item.heapMs) break;
      items[at] = other;
      other.heapAt = at;
      at = above;
    }
    items[at] = item;
    item.heapAt = at;
  }

  #down(item: T): void {
    const items = this.#items;
    let at = item.heapAt;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && (items[below + 1] as T).heapMs < (items[below] as T).heapMs) below++;
      const other = items[below] as T;
      if (other.heapMs >= item.heapMs) break;
      items[at] = other;
      other.heapAt = at;
      at = below;
    }
    items[at] = item;
    item.heapAt = at;
  }
}
