import type { RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { BinaryKey, KeyEvent, KeyRange, KeyRecord } from '../store/types.js';
import { rawEntry } from '../txn/record.js';

/** What an event or a batch costs a watch besides keys and values. */
const overheadBytes = 64;

/** Whether a watch wants to see this change, its ranges aside. */
export function passes(event: KeyEvent, only: WatchRequest['only']): boolean {
  return only === undefined || (event.after === undefined ? 'delete' : 'put') === only;
}

export function watchEvent({ key, after, before, reason }: KeyEvent, revision: number, withPrev: boolean): RawEvent {
  const prev = withPrev && before !== undefined ? { prev: rawEntry(key, before) } : undefined;
  if (after !== undefined) return { type: 'put', entry: rawEntry(key, after), ...prev };
  return { type: 'delete', key, modRevision: revision, ...prev, reason: reason ?? 'deleted' };
}

/** What a batch holds of a watch's bytes. */
export function batchBytes(batch: RawBatch): number {
  let bytes = overheadBytes;
  for (const event of batch.events) {
    const entry = event.type === 'put' ? event.entry.key.length + event.entry.value.length : event.key.length;
    bytes += overheadBytes + entry + (event.prev === undefined ? 0 : event.prev.key.length + event.prev.value.length);
  }
  return bytes;
}

export function initialEvent(key: BinaryKey, record: KeyRecord): RawEvent {
  return { type: 'put', entry: rawEntry(key, record) };
}

/** The ranges in order, overlapping ones made one, so that a state is read without doubles. Empty ones are left out. */
export function disjointRanges(ranges: readonly KeyRange[]): readonly KeyRange[] {
  const sorted = ranges
    .filter(({ start, end }) => end === undefined || start < end)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const merged: KeyRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && last.end < range.start)) merged.push(range);
    else if (last.end !== undefined) merged[merged.length - 1] = joined(last.start, last.end, range.end);
  }
  return merged;
}

function joined(start: BinaryKey, end: BinaryKey, otherEnd: BinaryKey | undefined): KeyRange {
  if (otherEnd === undefined) return { start };
  return { start, end: otherEnd > end ? otherEnd : end };
}
