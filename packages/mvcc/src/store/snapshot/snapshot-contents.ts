import { ContentSum } from '../content-sum.js';
import { initialState } from '../checkpoint-record.js';
import type { KeyedRecord, RevisionEvents, StoreState } from '../types.js';
import { corruptSnapshot, type SnapshotTotals } from './snapshot-format.js';

/**
 * Holds what a snapshot has brought against what its state says of it.
 *
 * The checksums of blocks and records pass for a record that is there twice, is an older version, or stands in the
 * place of another; only the sum that apply has kept on the sender, and the order of keys and of revisions, show those.
 * A member that took such a snapshot would differ from all others, and say so only when somebody compares hashes.
 */
export class SnapshotContents {
  readonly #sum = new ContentSum();
  #lastKey: string | undefined;
  #events = 0;
  #firstRevision: number | undefined;
  #lastRevision: number | undefined;

  /** @throws CoterieError ERR_CORRUPT */
  takeKey({ key, record }: KeyedRecord): void {
    if (this.#lastKey !== undefined && key <= this.#lastKey) throw corruptSnapshot('its keys are not in order');
    this.#lastKey = key;
    this.#sum.add(record.crc32c);
  }

  /** @throws CoterieError ERR_CORRUPT */
  takeChange({ revision, events }: RevisionEvents): void {
    if (this.#lastRevision !== undefined && revision !== this.#lastRevision + 1) {
      throw corruptSnapshot(`its history goes from revision ${this.#lastRevision} to ${revision}`);
    }
    this.#firstRevision ??= revision;
    this.#lastRevision = revision;
    this.#events += events.length;
  }

  /** Behind the last block. @throws CoterieError ERR_CORRUPT */
  check({ contentSum, keys, revision, compactRevision }: StoreState, totals: SnapshotTotals): void {
    if (this.#sum.keys !== totals.keys || this.#events !== totals.events) {
      throw corruptSnapshot(
        `${this.#sum.keys} keys and ${this.#events} events came, not ${totals.keys} and ${totals.events}`,
      );
    }
    if (!this.#sum.equals(new ContentSum(contentSum, keys))) {
      throw corruptSnapshot(
        `its ${this.#sum.keys} keys have the sum ${this.#sum.sum.toString(16)}; ` +
          `its state says ${keys} of ${contentSum.toString(16)}`,
      );
    }
    // Nobody made the revision at which a new or a restored store begins, so the history may begin behind it.
    const origin = Math.max(compactRevision, initialState.revision);
    const first = this.#firstRevision ?? origin + 1;
    const last = this.#lastRevision ?? origin;
    if (first < compactRevision || first > origin + 1 || last !== revision) {
      throw corruptSnapshot(`its history has revisions ${first} to ${last}, not ${compactRevision} to ${revision}`);
    }
  }
}
