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

  /** The live records of a range that memory knows, in order. Neither memtable must change while they are drawn. */
  *records(range: KeyRange, reverse: boolean, revision: number): Generator<KeyedRecord, void> {
    for (const key of this.#keys(range, reverse)) {
      const record = this.at(key, revision)?.record;
      if (record !== undefined) yield { key, record };
    }
  }

  *#keys(range: KeyRange, reverse: boolean): Generator<BinaryKey, void> {
    const upper = this.active.keys(range.start, range.end, reverse);
    if (this.frozen === undefined) return yield* upper;
    const lower = this.frozen.keys(range.start, range.end, reverse);
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

/** Merges two ordered sequences of different keys. */
export function* mergeOrdered(
  one: Iterator<KeyedRecord, void>,
  other: Iterator<KeyedRecord, void>,
  reverse: boolean,
): Generator<KeyedRecord, void> {
  let a = one.next().value;
  let b = other.next().value;
  while (a !== undefined && b !== undefined) {
    if (a.key < b.key !== reverse) {
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
