import { CoterieError } from '@coterie/errors';
import { nextTurn, type Defer } from './completion.js';
import { behind, pageRecordBytes } from './live-view.js';
import { OrderedIndex } from './ordered-index.js';
import { mergeOrdered } from './overlay.js';
import type { BinaryKey, KeyedRecord, KeyRecord, PageSize, RevisionEvents, StoreView, ViewRange } from './types.js';
import { ValueSlabs } from './value-slabs.js';

/** What an undone key costs beside key and value. */
const undoneBytes = 300;

/** For each key that was changed after a revision, what it was at it. */
export class Undo {
  readonly #before = new Map<BinaryKey, KeyRecord | undefined>();
  readonly alive = new OrderedIndex();
  readonly #slabs = new ValueSlabs();
  readonly #limit: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /**
   * Takes changes in order of revision: the first one of a key tells what was there before all of them.
   *
   * @throws CoterieError ERR_TOO_LARGE
   */
  take(changes: readonly RevisionEvents[]): void {
    for (const { events } of changes) {
      for (const { key, before } of events) if (!this.#before.has(key)) this.#put(key, before);
    }
    if (this.#bytes <= this.#limit) return;
    const message = `undoing the changes since that revision takes more than ${this.#limit} bytes of memory`;
    throw new CoterieError('ERR_TOO_LARGE', { message, limit: this.#limit });
  }

  has(key: BinaryKey): boolean {
    return this.#before.has(key);
  }

  get(key: BinaryKey): KeyRecord | undefined {
    return this.#before.get(key);
  }

  #put(key: BinaryKey, before: KeyRecord | undefined): void {
    // The value may be a view of what was read from a file, and would keep all of it.
    this.#before.set(key, before === undefined ? before : { ...before, value: this.#slabs.keep(before.value) });
    if (before !== undefined) this.alive.add(key);
    this.#bytes += undoneBytes + key.length + (before?.value.length ?? 0);
  }
}

/** The state at an earlier revision: a later view with the changes in between undone. */
export class PastView implements StoreView {
  constructor(
    readonly revision: number,
    private readonly later: StoreView,
    private readonly undo: Undo,
    private readonly defer: Defer,
  ) {}

  async get(key: BinaryKey): Promise<KeyRecord | undefined> {
    // Asked first, so that a closed view answers in one way.
    const now = this.undo.has(key) ? undefined : await this.later.get(key);
    return this.undo.has(key) ? this.undo.get(key) : now;
  }

  async *scan(what: ViewRange & PageSize): AsyncGenerator<readonly KeyedRecord[], undefined, undefined> {
    let rest = what.range;
    for await (const page of this.later.scan(what)) {
      const kept = page.filter(({ key }) => !this.undo.has(key));
      const last = page.at(-1) as KeyedRecord;
      const through = what.reverse ? { ...rest, start: last.key } : { start: rest.start, end: `${last.key}\0` };
      yield* this.#pages(kept, through, what);
      rest = behind(rest, last.key, what.reverse);
    }
    yield* this.#pages([], rest, what);
  }

  close(): Promise<void> {
    return this.later.close();
  }

  /** A page of the later view together with what was undone in its range, which may be much more than a page. */
  async *#pages(
    kept: readonly KeyedRecord[],
    range: ViewRange['range'],
    { reverse, pageBytes, pageRecords = Infinity }: PageSize & { readonly reverse: boolean },
  ): AsyncGenerator<readonly KeyedRecord[], undefined, undefined> {
    const undone = this.#undone(range, reverse);
    let page: KeyedRecord[] = [];
    let bytes = 0;
    for (const entry of mergeOrdered(kept[Symbol.iterator]() as Iterator<KeyedRecord, void>, undone, reverse)) {
      page.push(entry);
      bytes += pageRecordBytes + entry.key.length + entry.record.value.length;
      if (bytes < pageBytes && page.length < pageRecords) continue;
      yield page;
      await nextTurn(this.defer);
      page = [];
      bytes = 0;
    }
    if (page.length > 0) yield page;
  }

  *#undone(range: ViewRange['range'], reverse: boolean): Generator<KeyedRecord, void> {
    const { alive } = this.undo;
    const keys = reverse ? alive.descending(range.start, range.end) : alive.ascending(range.start, range.end);
    for (const key of keys) yield { key, record: this.undo.get(key) as KeyRecord };
  }
}
