import type { RaftCore } from '../core/core.js';
import type { Index, Term } from '../core/messages.js';
import type { LogStorage } from '../ports/log-storage.js';
import type { NodeOptions } from './options.js';
import type { SnapshotHolds } from './snapshot-holds.js';

interface Checkpoint {
  readonly index: Index;
  readonly term: Term;
}

/**
 * Lets the log go behind the *previous* checkpoint: if the newest one turns out damaged, the older one and the log
 * still make the state.
 *
 * Behind that a window stays for members that are a little slow, so that they need no snapshot: `trailingEntries`
 * entries, as far as `trailingBytes` go. And what a member needs that is being sent a snapshot stays, until all of the
 * log together exceeds `heldLogBytes`.
 */
export class LogRelease {
  readonly #core: RaftCore;
  readonly #storage: LogStorage;
  readonly #holds: SnapshotHolds;
  readonly #options: NodeOptions;
  #previous: Checkpoint | undefined;
  #last: Checkpoint | undefined;
  #held = false;

  constructor(core: RaftCore, storage: LogStorage, holds: SnapshotHolds, options: NodeOptions) {
    this.#core = core;
    this.#storage = storage;
    this.#holds = holds;
    this.#options = options;
  }

  checkpointed(at: Checkpoint): void {
    this.#previous = this.#last;
    this.#last = at;
    this.#release();
  }

  /** Once a tick: what was held may have been passed. */
  sweep(): void {
    if (this.#held) this.#release();
  }

  #release(): void {
    if (this.#previous === undefined) return;
    const { trailingEntries, trailingBytes, heldLogBytes } = this.#options;
    const window = this.#core.windowBefore(this.#previous.index, trailingEntries, trailingBytes);
    let through = this.#holds.limit(window);
    if (through < window && this.#core.entriesBytes > heldLogBytes) {
      // Whoever lags so far costs less as a snapshot.
      this.#holds.clear();
      through = window;
    }
    this.#held = through < window;
    const term = this.#core.termAt(through);
    if (through < this.#core.firstIndex || term === undefined) return;
    this.#storage.release({ index: through, term });
    this.#core.compact(through);
  }
}
