import { CoterieError } from '@coterie/errors';
import { completion, nextTurn, type Defer } from './completion.js';
import type { DiskImage, RecordCursor } from './disk-image.js';
import { mergeOrdered, type Overlay } from './overlay.js';
import type { PointReads } from './point-reads.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, PageSize, StoreView, ViewRange } from './types.js';

/** What a view reads from, as it was when the view was opened. */
export interface ViewSource {
  readonly image: DiskImage;
  readonly overlay: Overlay;
  readonly revision: number;
  readonly reads: PointReads;
  readonly defer: Defer;
  readonly closed: (view: LiveView) => void;
}

const viewClosed = (): Error => new CoterieError('ERR_CLOSED', { message: 'the view is closed' });

/** What a record of a page costs beside key and value: bounds pages of empty values. */
export const pageRecordBytes = 64;

/**
 * The state at one revision: the disk as one checkpoint left it, under the memory that was in front of it then.
 *
 * Both stay what they are for it: the image is a snapshot, a frozen memtable does not change, and the active one keeps
 * what it replaces while views are open and says what it had at a revision. So neither writes nor checkpoints move a
 * view.
 */
export class LiveView implements StoreView {
  readonly revision: number;
  readonly #source: ViewSource;
  /** Of scans that are not at their end: each holds the image. */
  readonly #cursors = new Set<RecordCursor>();
  /** What reads fail with, once it has ended. An error is made only for who asks: nearly all views end unasked. */
  #ended: (() => Error) | undefined;

  constructor(source: ViewSource) {
    this.#source = source;
    this.revision = source.revision;
    source.image.hold();
    source.overlay.active.openView();
  }

  /** The memory it holds back once its memtables have gone to disk. */
  get overlay(): Overlay {
    return this.#source.overlay;
  }

  async get(key: BinaryKey): Promise<KeyRecord | undefined> {
    this.#check();
    const version = this.#source.overlay.at(key, this.revision);
    return version === undefined ? this.#source.reads.read(this.#source.image, key) : version.record;
  }

  async *scan(what: ViewRange & PageSize): AsyncGenerator<readonly KeyedRecord[], undefined, undefined> {
    this.#check();
    const { overlay, image, defer } = this.#source;
    const { reverse, pageBytes, pageRecords } = what;
    const cursor = image.iterate(what.range, reverse, pageBytes, pageRecords);
    this.#cursors.add(cursor);
    let rest = what.range;
    let stored: readonly KeyedRecord[] = [];
    let more = true;
    try {
      for (;;) {
        if (stored.length === 0 && more) {
          const page = await completion<readonly KeyedRecord[]>((done) => {
            cursor.next(done);
          });
          this.#check();
          more = page.length > 0;
          stored = [...overlay.visible(page, this.revision)];
          if (more && stored.length === 0) continue;
        }
        const remembered = overlay.created(rest, reverse, this.revision);
        const page = fillPage(stored, more, remembered, what);
        const last = page.at(-1);
        if (last === undefined) {
          if (!more) return;
          continue;
        }
        stored = stored.slice(page.reduce((count, entry) => (entry === stored[count] ? count + 1 : count), 0));
        rest = behind(rest, last.key, reverse);
        yield page;
        await nextTurn(defer);
        this.#check();
      }
    } finally {
      this.#cursors.delete(cursor);
      cursor.close();
    }
  }

  close(): Promise<void> {
    this.end(viewClosed);
    return Promise.resolve();
  }

  /** Ends it early: every further read fails with the error that this makes. */
  end(error: () => Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    // Whoever stopped between two pages may never come back for the next one.
    for (const cursor of this.#cursors) cursor.close();
    this.#cursors.clear();
    this.#source.overlay.active.closeView();
    this.#source.image.release();
    this.#source.closed(this);
  }

  #check(): void {
    if (this.#ended !== undefined) throw this.#ended();
  }
}

/**
 * Merges until the page is full, or until the stored records run out before their range does: what comes next is not
 * known then.
 */
function fillPage(
  stored: readonly KeyedRecord[],
  more: boolean,
  remembered: Iterator<KeyedRecord, void>,
  { reverse, pageBytes, pageRecords = Infinity }: ViewRange & PageSize,
): KeyedRecord[] {
  const page: KeyedRecord[] = [];
  const lastStored = more ? stored.at(-1) : undefined;
  let bytes = 0;
  for (const entry of mergeOrdered(stored[Symbol.iterator]() as Iterator<KeyedRecord, void>, remembered, reverse)) {
    page.push(entry);
    bytes += pageRecordBytes + entry.key.length + entry.record.value.length;
    if (bytes >= pageBytes || page.length >= pageRecords || entry === lastStored) break;
  }
  return page;
}

/** What is left of a range behind a key. */
export function behind(range: KeyRange, key: BinaryKey, reverse: boolean): KeyRange {
  if (reverse) return { start: range.start, end: key };
  return { ...range, start: `${key}\0` };
}
