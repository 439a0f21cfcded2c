import { inRange } from '../command/key-range.js';
import type { RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { BinaryKey, KeyEvent, KeyRange, KeyRecord, RevisionEvents } from '../store/types.js';
import { rawEntry } from '../txn/record.js';

/** What an event or a batch costs a watch besides keys and values. */
const overheadBytes = 64;

/** Whether a watch wants to see this change, its ranges aside. */
export function passes(event: KeyEvent, only: WatchRequest['only']): boolean {
  return only === undefined || (event.after === undefined ? 'delete' : 'put') === only;
}

export function watchEvent({ key, after, before }: KeyEvent, revision: number, withPrev: boolean): RawEvent {
  const prev = withPrev && before !== undefined ? { prev: rawEntry(key, before) } : undefined;
  if (after !== undefined) return { type: 'put', entry: rawEntry(key, after), ...prev };
  return { type: 'delete', key, modRevision: revision, ...prev, reason: 'deleted' };
}

/**
 * The events of one revision that a request asks for; undefined when there are none: then the watch hears nothing of
 * it.
 */
export function changeBatch(change: RevisionEvents, request: WatchRequest): RawBatch | undefined {
  const events: RawEvent[] = [];
  for (const event of change.events) {
    if (!passes(event, request.only) || !inAnyRange(event.key, request.ranges)) continue;
    events.push(watchEvent(event, change.revision, request.prev));
  }
  return events.length === 0 ? undefined : { kind: 'change', revision: change.revision, events };
}

function inAnyRange(key: BinaryKey, ranges: readonly KeyRange[]): boolean {
  for (const range of ranges) if (inRange(key, range)) return true;
  return false;
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
