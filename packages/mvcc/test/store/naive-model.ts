import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, RevisionEvents } from '../../src/store/types.js';

/** What a store is to be, without any of its parts: every revision kept whole. */
export class NaiveModel {
  readonly log: RevisionEvents[] = [];
  readonly #states = new Map<number, ReadonlyMap<BinaryKey, KeyRecord>>();
  revision: number;

  constructor(revision: number) {
    this.revision = revision;
    this.#states.set(revision, new Map());
  }

  /** A change that is applied again, after a restart, must be what it was. */
  take(change: RevisionEvents): void {
    if (change.revision <= this.revision) return;
    const next = new Map(this.at(this.revision));
    for (const { key, after } of change.events) {
      if (after === undefined) next.delete(key);
      else next.set(key, { ...after, value: Uint8Array.from(after.value) });
    }
    this.revision = change.revision;
    this.#states.set(change.revision, next);
    this.log.push({
      revision: change.revision,
      events: change.events.map(({ key, after, before }) => ({ key, after: copy(after), before: copy(before) })),
    });
  }

  at(revision: number): ReadonlyMap<BinaryKey, KeyRecord> {
    const state = this.#states.get(revision);
    if (state === undefined) throw new Error(`the model has no revision ${revision}`);
    return state;
  }

  range(revision: number, range: KeyRange, reverse = false): KeyedRecord[] {
    const found = [...this.at(revision)]
      .filter(([key]) => key >= range.start && (range.end === undefined || key < range.end))
      .map(([key, record]) => ({ key, record }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return reverse ? found.reverse() : found;
  }

  hash(revision: number): { readonly revision: number; readonly hash: string; readonly keys: number } {
    let sum = 0;
    for (const { crc32c } of this.at(revision).values()) sum = (sum + crc32c) % 2 ** 48;
    return { revision, hash: sum.toString(16).padStart(12, '0'), keys: this.at(revision).size };
  }
}

function copy(record: KeyRecord | undefined): KeyRecord | undefined {
  return record === undefined ? undefined : { ...record, value: Uint8Array.from(record.value) };
}

/** Records as text, so that a difference reads well and Buffers equal arrays. */
export function show(records: readonly KeyedRecord[]): string[] {
  return records.map(({ key, record }) => `${JSON.stringify(key)} ${showRecord(record)}`);
}

export function showRecord(record: KeyRecord | undefined): string {
  if (record === undefined) return 'none';
  const { value, createRevision, modRevision, version } = record;
  return `${Buffer.from(value).toString('hex')} created ${createRevision} modified ${modRevision} version ${version}`;
}

export function showChanges(changes: readonly RevisionEvents[]): string[] {
  return changes.flatMap(({ revision, events }) =>
    events.map(
      ({ key, after, before }) => `${revision} ${JSON.stringify(key)} ${showRecord(after)} was ${showRecord(before)}`,
    ),
  );
}
