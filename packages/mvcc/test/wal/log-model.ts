import type { AppendBatch, Entry, HardState, LoadedLog } from '@coterie/raft';
import { expect } from 'vitest';

/** What a log holds after some batches: written from the contract alone. */
export interface ModelState {
  readonly hardState: HardState;
  readonly start: { readonly index: number; readonly term: number };
  readonly entries: readonly Entry[];
}

export const emptyState: ModelState = {
  hardState: { term: 0, vote: 0, commit: 0 },
  start: { index: 0, term: 0 },
  entries: [],
};

export function after(state: ModelState, { snapshot, entries, hardState }: AppendBatch): ModelState {
  const start = snapshot === undefined ? state.start : { index: snapshot.index, term: snapshot.term };
  const kept = snapshot === undefined ? state.entries : [];
  const first = entries[0]?.index ?? Infinity;
  return {
    hardState: hardState ?? state.hardState,
    start,
    entries: [...kept.filter(({ index }) => index < first), ...entries],
  };
}

/** Whether a loaded log is this state, but for entries up to `released`, of which any beginning may be gone. */
export function isState(loaded: LoadedLog, state: ModelState, released: number): boolean {
  const { start } = loaded;
  if (start.index < state.start.index || start.index > Math.max(state.start.index, released)) return false;
  const expected = state.entries.filter(({ index }) => index > start.index);
  const commit = Math.max(state.hardState.commit, start.index);
  return (
    JSON.stringify(loaded.hardState) === JSON.stringify({ ...state.hardState, commit }) &&
    loaded.entries.length === expected.length &&
    loaded.entries.every((entry, i) => isEntry(entry, expected[i] as Entry))
  );
}

function isEntry(a: Entry, b: Entry): boolean {
  return a.index === b.index && a.term === b.term && a.kind === b.kind && Buffer.compare(a.data, b.data) === 0;
}

/** vitest's own comparison takes milliseconds for a few kilobytes of entries. */
export function expectSameLog(a: LoadedLog, b: LoadedLog): void {
  expect([a.hardState, a.start, a.conf, a.entries.length]).toEqual([b.hardState, b.start, b.conf, b.entries.length]);
  expectEntries(a.entries, b.entries);
}

export function expectEntries(a: readonly Entry[], b: readonly Entry[]): void {
  expect(a.length).toBe(b.length);
  a.forEach((entry, i) => {
    if (!isEntry(entry, b[i] as Entry)) expect(entry).toEqual(b[i]);
  });
}

/**
 * A loaded log must be the state after some number of whole batches: of all that were acknowledged, and perhaps of
 * later ones.
 * @returns how many
 */
export function expectPrefix(
  loaded: LoadedLog,
  batches: readonly AppendBatch[],
  acknowledged: number,
  released: number,
  from: ModelState = emptyState,
): { readonly count: number; readonly state: ModelState } {
  let state = from;
  for (let count = 0; ; count++) {
    if (count >= acknowledged && isState(loaded, state, released)) return { count, state };
    const next = batches[count];
    if (next === undefined) break;
    state = after(state, next);
  }
  const { hardState, start, entries } = loaded;
  const found = { hardState, start, last: entries.at(-1)?.index, acknowledged, submitted: batches.length, released };
  return expect.fail(`not the state after any number of whole batches: ${JSON.stringify(found)}`);
}
