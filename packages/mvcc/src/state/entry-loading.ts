import type { CommittedEntry } from '@coterie/raft';
import type { Store } from '../store/store.js';
import type { EntryCommands, ReadEntry } from './entry-commands.js';

/** Has what entries will read loaded, before they are committed where that is possible. */
export class EntryLoading {
  readonly #store: Store;
  readonly #commands: EntryCommands;

  constructor(store: Store, commands: EntryCommands) {
    this.#store = store;
    this.#commands = commands;
  }

  /** Keys only: ranges are loaded when it is the entry's turn, lest they drive out those of an entry before it. */
  foresee(entry: CommittedEntry): void {
    const read = entry.commands.length === 0 ? undefined : this.#commands.foresee(entry);
    if (read === undefined) return;
    const loading: NonNullable<ReadEntry['loading']> = {};
    const inMemory = this.#store.prefetch({ keys: read.wanted.keys, ranges: [] }, () => {
      read.loading = undefined;
      loading.ready?.();
    });
    if (!inMemory) read.loading = loading;
    this.#commands.keysLoaded(entry);
  }

  /** @see StateMachine.prepare */
  prepare(entry: CommittedEntry, ready: () => void): boolean {
    if (entry.commands.length === 0) return true;
    const read = this.#commands.of(entry);
    if (read.loading !== undefined) {
      read.loading.ready = ready;
      return false;
    }
    if (this.#store.prefetch(read.wanted, ready)) return true;
    this.#commands.keysLoaded(entry);
    return false;
  }
}
