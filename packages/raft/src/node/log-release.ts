import type { RaftCore } from '../core/core.js';
import type { Index, Term } from '../core/messages.js';
import type { LogStorage } from '../ports/log-storage.js';

/** Bytes of log held for a snapshot on its way; beyond it the member behind may need another one. */
const heldBytesMax = 256 << 20;

interface Checkpoint {
  readonly index: Index;
  readonly term: Term;
}

/**
 * Lets the log go behind the *previous* checkpoint: if the newest one turns out damaged, the older one and the log
 * still make the state.
 */
export class LogRelease {
  readonly #core: RaftCore;
  readonly #storage: LogStorage;
  readonly #heldFrom: () => Index | undefined;
  #previous: Checkpoint | undefined;
  #last: Checkpoint | undefined;

  /**
   * @param heldFrom where a snapshot on its way to a member begins: without the log behind it that member would need
   *   another one
   */
  constructor(core: RaftCore, storage: LogStorage, heldFrom: () => Index | undefined) {
    this.#core = core;
    this.#storage = storage;
    this.#heldFrom = heldFrom;
  }

  checkpointed(at: Checkpoint): void {
    this.#previous = this.#last;
    this.#last = at;
    if (this.#previous === undefined) return;
    const held = this.#heldFrom();
    const fits = this.#core.entriesBytes <= heldBytesMax;
    if (held !== undefined && held < this.#previous.index && fits) return;
    this.#storage.release(this.#previous);
    this.#core.compact(this.#previous.index);
  }
}
