import type { Memtable, Version } from './memtable.js';
import type { BinaryKey, KeyedRecord, KeyRange } from './types.js';

/** The revision of whoever wants the newest. */
export const newest = Number.POSITIVE_INFINITY;

/**
 * The memory in front of the disk: the memtable, and below it the frozen one while a checkpoint is under way.
 *
 * A key that one of them knows at a revision is not to be looked for below it.
 */
export class Overlay {
  constructor(
    readonly active: Memtable,
    readonly frozen: Memtable | undefined,
  ) {}

  find(key: BinaryKey): Version | undefined {
    return this.active.get(key) ?? this.frozen?.get(key);
  }

  at(key: BinaryKey, revision: number): Version | undefined {
    return this.active.at(key, revision) ?? this.frozen?.at(key, revision);
  }

  /** What of these records of the disk is alive at a revision, as it was then: memory may have replaced it. */
  *visible(stored: Iterable<KeyedRecord>, revision: number): Generator<KeyedRecord, void> {
    for (const entry of stored) {
      const version = this.at(entry.key, revision);
      if (version === undefined) yield entry;
      else if (version.record !== undefined) yield { key: entry.key, record: version.record };
    }
  }

  /**
   * The live records of a range that were created in memory, in order; one that was deleted from the disk before may
   * stand there too. Neither memtable must change while they are drawn.
   */
  *created(range: KeyRange, reverse: boolean, revision: number): Generator<KeyedRecord, void> {
    for (const key of this.#keys(range, reverse)) {
      const record = this.at(key, revision)?.record;
      if (record !== undefined) yield { key, record };
    }
  }

  *#keys(range: KeyRange, reverse: boolean): Generator<BinaryKey, void> {
    const upper = this.active.created(range.start, range.end, reverse);
    if (this.frozen === undefined) return yield* upper;
    const lower = this.frozen.created(range.start, range.end, reverse);
    let a = upper.next().value;
    let b = lower.next().value;
    while (a !== undefined || b !== undefined) {
      if (b === undefined || (a !== undefined && a !== b && a < b !== reverse)) {
        yield a as BinaryKey;
        a = upper.next().value;
      } else if (a === b) {
        yield b;
        a = upper.next().value;
        b = lower.next().value;
      } else {
        yield b;
        b = lower.next().value;
      }
    }
  }
}

/** Merges two ordered sequences. Of a key that stands in both, it is the one of the first that is taken. */
export function* mergeOrdered(
  one: Iterator<KeyedRecord, void>,
  other: Iterator<KeyedRecord, void>,
  reverse: boolean,
): Generator<KeyedRecord, void> {
  let a = one.next().value;
  let b = other.next().value;
  while (a !== undefined && b !== undefined) {
    if (a.key === b.key) {
      b = other.next().value;
    } else if (a.key < b.key !== reverse) {
      yield a;
      a = one.next().value;
    } else {
      yield b;
      b = other.next().value;
    }
  }
  for (; a !== undefined; a = one.next().value) yield a;
  for (; b !== undefined; b = other.next().value) yield b;
}
