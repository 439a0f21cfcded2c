import type { RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { KeyedRecord, KeyRange, StoreView } from '../store/types.js';
import { disjointRanges, initialEvent } from './watch-events.js';

const pageBytes = 256 * 1024;

/** The state of one revision, read page by page as the consumer of a watch asks for it. */
export class InitialState {
  readonly #view: StoreView;
  readonly #ranges: KeyRange[];
  #pages: AsyncIterableIterator<readonly KeyedRecord[]> | undefined;
  #closed = false;

  constructor(view: StoreView, ranges: readonly KeyRange[]) {
    this.#view = view;
    this.#ranges = [...disjointRanges(ranges)];
  }

  get revision(): number {
    return this.#view.revision;
  }

  /** The next page as an 'initial' batch (without events when `only` keeps all out), in the end 'synced'. */
  async page(request: WatchRequest): Promise<RawBatch> {
    const { revision } = this.#view;
    while (request.only !== 'delete') {
      const records = await this.#records();
      if (records === undefined) break;
      const events: RawEvent[] = records.map(({ key, record }) => initialEvent(key, record));
      if (events.length > 0) return { kind: 'initial', revision, events };
    }
    this.close();
    return { kind: 'synced', revision, events: [] };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A view holds a snapshot of the store: nothing that could be done about a failure to let go of it.
    this.#view.close().catch(() => undefined);
  }

  async #records(): Promise<readonly KeyedRecord[] | undefined> {
    for (;;) {
      if (this.#pages === undefined) {
        const range = this.#ranges.shift();
        if (range === undefined || this.#closed) return undefined;
        this.#pages = this.#view.scan({ range, reverse: false, pageBytes });
      }
      const page = await this.#pages.next();
      if (page.done !== true) return page.value;
      this.#pages = undefined;
    }
  }
}
