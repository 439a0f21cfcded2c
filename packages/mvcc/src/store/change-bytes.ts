import type { KeyEvent, RevisionEvents } from './types.js';

/** What an event costs beside key and values: two records, two array views, its slots in the memtable. */
const eventBytes = 400;

/** The memory of one event, estimated: its records are held by the memtable and by the recent changes, once. */
export function eventCost(event: KeyEvent): number {
  return eventBytes + event.key.length + (event.after?.value.length ?? 0) + (event.before?.value.length ?? 0);
}

export function changeBytes(change: RevisionEvents): number {
  let bytes = 0;
  for (const event of change.events) bytes += eventCost(event);
  return bytes;
}
