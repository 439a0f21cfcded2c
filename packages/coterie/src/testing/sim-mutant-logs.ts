import type { AppendBatch, LoadedLog, TurnScheduler } from '@coterie/raft';
import type { MemberLog } from '../data-dir/storage.js';

/** Passes everything on; the mutants change one thing each. */
class PassingLog implements MemberLog {
  constructor(protected readonly inner: MemberLog) {}
  get syncCount(): number {
    return this.inner.syncCount;
  }
  get backlogBytes(): number {
    return this.inner.backlogBytes;
  }
  get outOfSpace(): boolean {
    return this.inner.outOfSpace;
  }
  abandon(): void {
    this.inner.abandon();
  }
  load(): LoadedLog {
    return this.inner.load();
  }
  append(batch: AppendBatch, done: (error?: Error) => void): void {
    this.inner.append(batch, done);
  }
  release(through: { readonly index: number; readonly term: number }): void {
    this.inner.release(through);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Says "durable" in the next turn, whatever the disk says. */
export class AckBeforeSyncLog extends PassingLog {
  readonly #turns: TurnScheduler;

  constructor(inner: MemberLog, turns: TurnScheduler) {
    super(inner);
    this.#turns = turns;
  }

  override append(batch: AppendBatch, done: (error?: Error) => void): void {
    this.inner.append(batch, () => undefined);
    this.#turns.defer(done);
  }
}

/** Loads the log without its last entry. */
export class NoRedoLog extends PassingLog {
  override load(): LoadedLog {
    const loaded = this.inner.load();
    const entries = loaded.entries.slice(0, -1);
    const last = entries.at(-1)?.index ?? loaded.start.index;
    return { ...loaded, entries, hardState: { ...loaded.hardState, commit: Math.min(loaded.hardState.commit, last) } };
  }
}
