import { invariant } from '@coterie/errors';
import type { Index } from './messages.js';

const initialCapacity = 16;

/**
 * The window of append messages in flight to one follower, bounded by messages and by bytes.
 *
 * A ring of (last index, bytes), oldest first, that grows by doubling up to its bound: most followers never have more
 * than a few messages on the way.
 */
export class Inflights {
  private lasts: number[] = [];
  private sizes: number[] = [];
  private head = 0;
  private used = 0;
  private total = 0;

  constructor(
    private readonly maxMessages: number,
    private readonly maxBytes: number,
  ) {}

  get count(): number {
    return this.used;
  }

  get bytes(): number {
    return this.total;
  }

  /** One message always fits, however large, so the window is full only once its bytes have been reached. */
  get full(): boolean {
    return this.used >= this.maxMessages || this.total >= this.maxBytes;
  }

  add(last: Index, bytes: number): void {
    invariant(!this.full, 'no message is added to a full window', { last, used: this.used, bytes: this.total });
    if (this.used === this.lasts.length) this.grow();
    const at = (this.head + this.used) % this.lasts.length;
    this.lasts[at] = last;
    this.sizes[at] = bytes;
    this.used++;
    this.total += bytes;
  }

  /**
   * Takes out every message whose last entry is at or below `index`: they have arrived. A stale index frees nothing.
   */
  freeUpTo(index: Index): void {
    while (this.used > 0 && (this.lasts[this.head] as number) <= index) {
      this.total -= this.sizes[this.head] as number;
      this.head = (this.head + 1) % this.lasts.length;
      this.used--;
    }
  }

  reset(): void {
    this.head = 0;
    this.used = 0;
    this.total = 0;
  }

  private grow(): void {
    const capacity = Math.min(Math.max(initialCapacity, this.lasts.length * 2), this.maxMessages);
    const lasts = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.used; i++) {
      const at = (this.head + i) % this.lasts.length;
      lasts[i] = this.lasts[at] as number;
      sizes[i] = this.sizes[at] as number;
    }
    this.lasts = lasts;
    this.sizes = sizes;
    this.head = 0;
  }
}
