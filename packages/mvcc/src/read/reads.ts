import { CoterieError } from '@coterie/errors';
import type { TurnScheduler } from '@coterie/raft';
import type { EngineStream, IterateRequest, RangeRequest } from '../engine/engine.js';
import type { RawEntry, RawRange } from '../command/operation.js';
import type { MvccLimits } from '../limits.js';
import type { Store } from '../store/store.js';
import type { BinaryKey, KeyRange, StoreView } from '../store/types.js';
import { entryBytes, rawEntry } from '../txn/record.js';
import { EntryStream } from './entry-stream.js';
import { TurnShare } from './turn-share.js';

/** A range of this replica; what its consistency asks for has been done before. */
export type LocalRange = Omit<RangeRequest, 'consistency' | 'minRevision'>;

const pageBytes = 256 * 1024;
const emptyValue = new Uint8Array(0);

/** Where the state stands. */
export interface ReadPosition {
  readonly revision: number;
  readonly compactRevision: number;
}

/** Reads of this replica, at the latest revision or at an earlier one that is not compacted. */
export class Reads {
  readonly #store: Pick<Store, 'peek' | 'get' | 'view' | 'viewAt'>;
  readonly #position: ReadPosition;
  readonly #limits: MvccLimits;
  readonly #streams = new Set<EntryStream>();
  readonly #share: TurnShare;
  #closed = false;

  constructor(
    store: Pick<Store, 'peek' | 'get' | 'view' | 'viewAt'>,
    position: ReadPosition,
    limits: MvccLimits,
    turns: TurnScheduler,
  ) {
    this.#store = store;
    this.#position = position;
    this.#limits = limits;
    this.#share = new TurnShare(turns);
  }

  /**
   * One key. `revision` is that of the state in which the entry was read, or, when the disk had to be asked meanwhile,
   * one at which it was current: every change after it is visible to a watch from the next revision on.
   */
  async get(key: BinaryKey, revision?: number): Promise<{ readonly revision: number; readonly entry?: RawEntry }> {
    this.#checkOpen();
    const turn = this.#share.take();
    if (turn !== undefined) {
      await turn;
      this.#checkOpen();
    }
    if (revision !== undefined) return this.#getAt(key, revision);
    const before = this.#position.revision;
    const known = this.#store.peek(key);
    const record = known === 'on-disk' ? await this.#store.get(key) : known;
    if (record === undefined) return { revision: before };
    // A version that was written while the disk was asked is newer than what this read began with.
    return { revision: Math.max(before, record.modRevision), entry: rawEntry(key, record) };
  }

  async range(request: LocalRange): Promise<{ readonly revision: number } & RawRange> {
    this.#checkOpen();
    const view = await this.#open(request.revision);
    try {
      const found = request.countOnly ? await count(view, request.range) : await this.#collect(view, request);
      return { revision: view.revision, ...found };
    } finally {
      await view.close();
    }
  }

  /** @throws CoterieError ERR_OVERLOADED, ERR_CLOSED; the rest comes from the stream */
  iterate(request: IterateRequest): EngineStream<RawEntry> {
    this.#checkOpen();
    if (this.#streams.size >= this.#limits.iterators) {
      throw new CoterieError('ERR_OVERLOADED', {
        message: `${this.#limits.iterators} sequential reads are open already`,
      });
    }
    const stream = new EntryStream(request, this.#open(request.revision), () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  /** Ends the streams. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.close();
  }

  /** The state at a revision; undefined: now. @throws CoterieError ERR_FUTURE_REVISION, ERR_COMPACTED */
  async #open(revision: number | undefined): Promise<StoreView> {
    const { revision: current, compactRevision } = this.#position;
    if (revision === undefined || revision === current) return this.#store.view();
    checkRevision(revision, current, compactRevision);
    return this.#store.viewAt(revision);
  }

  async #getAt(key: BinaryKey, revision: number): Promise<{ readonly revision: number; readonly entry?: RawEntry }> {
    const view = await this.#open(revision);
    try {
      const record = await view.get(key);
      return record === undefined ? { revision } : { revision, entry: rawEntry(key, record) };
    } finally {
      await view.close();
    }
  }

  async #collect(view: StoreView, request: LocalRange): Promise<RawRange> {
    const { range, limit, reverse, keysOnly } = request;
    const { rangeEntries, rangeBytes } = this.#limits;
    const entries: RawEntry[] = [];
    let bytes = 0;
    // One more, to tell whether there are more.
    const pageRecords = limit > 0 ? limit + 1 : undefined;
    for await (const page of view.scan({ range, reverse, pageBytes, pageRecords })) {
      for (const { key, record } of page) {
        if (limit > 0 && entries.length >= limit) return { entries, more: true };
        if (limit === 0 && entries.length >= rangeEntries)
          throw tooLarge(`more than ${rangeEntries} entries`, rangeEntries);
        const entry = rawEntry(key, keysOnly ? { ...record, value: emptyValue } : record);
        bytes += entryBytes(key, entry);
        if (bytes > rangeBytes) throw tooLarge(`more than ${rangeBytes} bytes`, rangeBytes);
        entries.push(entry);
      }
    }
    return { entries, more: false };
  }

  #checkOpen(): void {
    if (this.#closed) throw new CoterieError('ERR_CLOSED', { message: 'the store is closed' });
  }
}

function checkRevision(revision: number, current: number, compactRevision: number): void {
  if (!Number.isSafeInteger(revision) || revision < 1) {
    const message = `revision must be a safe integer from 1 on, not ${String(revision)}`;
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument: 'revision' });
  }
  if (revision > current) {
    const message = `revision ${revision} has not been reached; this replica is at ${current}`;
    throw new CoterieError('ERR_FUTURE_REVISION', { message, revision: current });
  }
  if (revision < compactRevision) {
    const message = `revision ${revision} is compacted; the oldest is ${compactRevision}`;
    throw new CoterieError('ERR_COMPACTED', { message, compactRevision });
  }
}

async function count(view: StoreView, range: KeyRange): Promise<RawRange> {
  let total = 0;
  for await (const page of view.scan({ range, reverse: false, pageBytes })) total += page.length;
  return { entries: [], more: false, count: total };
}

function tooLarge(what: string, limit: number): CoterieError {
  return new CoterieError('ERR_TOO_LARGE', { message: `the range has ${what}; read it in pages, or iterate`, limit });
}
