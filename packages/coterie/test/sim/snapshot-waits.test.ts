import { expect, it } from 'vitest';
import { waitsInVain, type SnapshotParty } from '../../src/testing/checks/snapshot-waits.js';

const party = (name: string, firstIndex: number, lastIndex: number, sick: Partial<Sickness> = {}): SnapshotParty => {
  const { capacityBytes, storeSlowness } = { ...sound, ...sick };
  const node = { status: () => ({ firstIndex, lastIndex }) };
  return { name, machine: { disk: { capacityBytes }, storeSlowness }, engine: { replica: { node } } };
};

interface Sickness {
  readonly capacityBytes: number;
  readonly storeSlowness: number;
}
const sound: Sickness = { capacityBytes: Infinity, storeSlowness: 1 };
const core = new Set(['a', 'b']);

it('excuses who needs a snapshot from an outsider that cannot make one, and nobody else', () => {
  const behind = party('a', 1, 8);
  const full = { capacityBytes: 100 };
  expect(waitsInVain(behind, party('c', 10, 20, full), core)).toBe(true);
  expect(waitsInVain(behind, party('c', 10, 20, { storeSlowness: 1_000_000 }), core)).toBe(true);
  // The log of the leader begins right behind what it has.
  expect(waitsInVain(party('a', 1, 9), party('c', 10, 20, full), core)).toBe(false);
  expect(waitsInVain(behind, party('c', 10, 20), core)).toBe(false);
  expect(waitsInVain(behind, party('b', 10, 20, full), core)).toBe(false);
  expect(waitsInVain(behind, undefined, core)).toBe(false);
  expect(waitsInVain(behind, { ...party('c', 10, 20, full), engine: {} }, core)).toBe(false);
});
