import { CoterieError } from '@coterie/errors';
import type { EngineStream, IterateRequest } from '../engine/engine.js';
import type { RawEntry } from '../command/operation.js';
import type { KeyedRecord, StoreView } from '../store/types.js';
import { rawEntry } from '../txn/record.js';

const pageBytes = 256 * 1024;

/** All entries of a range at one revision, a page a call. The view that it holds is closed with it. */
export class EntryStream implements EngineStream<RawEntry> {
  readonly #request: IterateRequest;
  readonly #view: Promise<StoreView>;
  readonly #onEnd: () => void;
  #pages: AsyncIterableIterator<readonly KeyedRecord[]> | undefined;
  #ended = false;
  #busy = false;
  #finish: (() => void) | undefined;

  /** @param onEnd called once, when the stream has ended in whatever way */
  constructor(request: IterateRequest, view: Promise<StoreView>, onEnd: () => void) {
    this.#request = request;
    this.#view = view;
    this.#onEnd = onEnd;
    // Whoever asks for the first page hears of a failure; one that nobody asked for is not an unhandled rejection.
    view.catch(() => undefined);
  }

  async next(): Promise<readonly RawEntry[] | undefined> {
    if (this.#busy) {
      throw new CoterieError('ERR_INVALID_ARGUMENT', { message: 'one call of next at a time', argument: 'next' });
    }
    if (this.#ended) return undefined;
    this.#busy = true;
    const closed = new Promise<undefined>((resolve) => (this.#finish = () => resolve(undefined)));
    try {
      return await Promise.race([this.#page(), closed]);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#finish?.();
    this.#onEnd();
    this.#view.then((view) => view.close()).catch(() => undefined);
  }

  async #page(): Promise<readonly RawEntry[] | undefined> {
    const { range, reverse } = this.#request;
    this.#pages ??= (await this.#view).scan({ range, reverse, pageBytes });
    for (;;) {
      const page = await this.#pages.next();
      if (this.#ended) return undefined;
      if (page.done === true) {
        this.close();
        return undefined;
      }
      if (page.value.length > 0) return page.value.map(({ key, record }) => rawEntry(key, record));
    }
  }
}
