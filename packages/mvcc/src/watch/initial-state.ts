import type { RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, StoreView } from '../store/types.js';
import { disjointRanges, initialEvent } from './watch-events.js';

const pageBytes = 256 * 1024;

/**
 * Views of the state, one for all watches that begin at the same revision: a store has few of them, and very many
 * watches may begin at once.
 */
export class SharedViews {
  readonly #open: () => StoreView;
  #last: { readonly view: StoreView; users: number } | undefined;

  constructor(open: () => StoreView) {
    this.#open = open;
  }

  /** @param revision where the state stands */
  at(revision: number): StoreView {
    let shared = this.#last;
    if (shared?.view.revision !== revision || shared.users === 0) {
      this.#last = shared = { view: this.#open(), users: 0 };
    }
    return new SharedView(shared);
  }

  /** A snapshot replaced the state: the next view is one of the new store. */
  reset(): void {
    this.#last = undefined;
  }
}

/** One watch's part in a view; the last one closes it. */
class SharedView implements StoreView {
  readonly #shared: { readonly view: StoreView; users: number };

  constructor(shared: { readonly view: StoreView; users: number }) {
    this.#shared = shared;
    shared.users++;
  }

  get revision(): number {
    return this.#shared.view.revision;
  }

  get(key: BinaryKey): Promise<KeyRecord | undefined> {
    return this.#shared.view.get(key);
  }

  scan(what: Parameters<StoreView['scan']>[0]): ReturnType<StoreView['scan']> {
    return this.#shared.view.scan(what);
  }

  async close(): Promise<void> {
    if (--this.#shared.users === 0) await this.#shared.view.close();
  }
}

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
