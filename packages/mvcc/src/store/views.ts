import { CoterieError } from '@coterie/errors';
import type { Defer } from './completion.js';
import type { Layers } from './layers.js';
import { LiveView } from './live-view.js';
import type { Memtable } from './memtable.js';
import type { PointReads } from './point-reads.js';
import type { StoreLimits } from './store-limits.js';

const heldTooLong = (): Error =>
  new CoterieError('ERR_OVERLOADED', { message: 'the view was open for too long: what it holds back is needed' });

/** The open views of a store, and the memory that old ones hold back. */
export class Views {
  readonly #layers: Layers;
  readonly #reads: PointReads;
  readonly #limits: StoreLimits;
  readonly #defer: Defer;
  /** In the order in which they were opened. */
  readonly #open = new Set<LiveView>();
  /** Memtables that are on disk and that a view may still read. */
  #retired: Memtable[] = [];

  constructor(layers: Layers, reads: PointReads, limits: StoreLimits, defer: Defer) {
    this.#layers = layers;
    this.#reads = reads;
    this.#limits = limits;
    this.#defer = defer;
  }

  /** @throws CoterieError ERR_OVERLOADED */
  open(revision: number): LiveView {
    if (this.#open.size >= this.#limits.views) {
      throw new CoterieError('ERR_OVERLOADED', { message: `${this.#open.size} views are open already` });
    }
    const { image, overlay } = this.#layers;
    const view = new LiveView({
      image,
      overlay,
      revision,
      reads: this.#reads,
      defer: this.#defer,
      closed: (closed) => this.#open.delete(closed),
    });
    this.#open.add(view);
    return view;
  }

  /** A memtable is on disk: only views keep it in memory now, and the oldest of them end when that becomes too much. */
  retired(memtable: Memtable): void {
    this.#retired.push(memtable);
    for (const view of this.#open) {
      if (this.#heldBytes() <= this.#limits.viewBytes) return;
      view.end(heldTooLong);
    }
    this.#heldBytes();
  }

  endAll(error: Error): void {
    for (const view of this.#open) view.end(() => error);
  }

  #heldBytes(): number {
    const held = new Set<Memtable>();
    for (const { overlay } of this.#open) {
      held.add(overlay.active);
      if (overlay.frozen !== undefined) held.add(overlay.frozen);
    }
    this.#retired = this.#retired.filter((memtable) => held.has(memtable));
    return this.#retired.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
