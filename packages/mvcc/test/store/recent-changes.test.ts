import { expect, test } from 'vitest';
import { changeBytes } from '../../src/store/change-bytes.js';
import { RecentChanges } from '../../src/store/recent-changes.js';
import type { RevisionEvents } from '../../src/store/types.js';
import { bytes, makeRecord, seeded } from './fixture.js';

const first = 10;
/** More than three of the runs that they stand in. */
const many = 3_500;

function change(revision: number): RevisionEvents {
  const after = makeRecord('key', bytes('x'.repeat(revision % 50)), revision, undefined);
  return { revision, events: [{ key: 'key', before: undefined, after }] };
}

function filled(): { readonly recent: RecentChanges; readonly all: RevisionEvents[] } {
  const recent = new RecentChanges(first - 1);
  const all = Array.from({ length: many }, (_, at) => change(first + at));
  for (const one of all) recent.push(one);
  return { recent, all };
}

const sum = (changes: readonly RevisionEvents[]): number => changes.reduce((all, one) => all + changeBytes(one), 0);

test('what lies between two revisions, and what follows one, is as if the changes stood in one list', () => {
  const { recent, all } = filled();
  const random = seeded(1);
  for (let round = 0; round < 60; round++) {
    const after = first - 5 + random.nextInt(many + 10);
    const through = after + random.nextInt(many);
    expect(recent.between(after, through).flat()).toEqual(
      all.filter((one) => one.revision > after && one.revision <= through),
    );
    const taken = recent.take(after, random.nextInt(600_000));
    expect(taken).toEqual(all.filter((one) => one.revision >= after).slice(0, taken.length));
  }
  expect(recent.take(first + 1_020, 1)).toEqual([all[1_020]]);
  expect(recent.take(first + many, 1)).toEqual([]);
});

test('it gives up the oldest until the bytes are within the bound, and nothing behind a revision', () => {
  const random = seeded(2);
  for (let round = 0; round < 20; round++) {
    const { recent, all } = filled();
    let left = all;
    let held = sum(all);
    for (let step = 0; step < 3; step++) {
      const through = first + random.nextInt(many);
      const keep = random.nextInt(held + 1);
      let gone = 0;
      for (; gone < left.length && held > keep && left[gone]!.revision <= through; gone++) {
        held -= changeBytes(left[gone]!);
      }
      left = left.slice(gone);
      recent.trim(through, keep);
      expect(recent.between(0, first + many).flat()).toEqual(left);
      expect(recent.bytes).toBe(held);
      expect(recent.firstRevision).toBe(left[0]?.revision ?? first + many);
    }
    recent.push(change(first + many));
    expect(recent.take(0, 1)).toEqual([left[0] ?? change(first + many)]);
  }
});

test('what was handed out does not change while more comes', () => {
  const { recent, all } = filled();
  const handed = recent.between(0, first + many);
  for (let at = 0; at < 2_000; at++) recent.push(change(first + many + at));
  expect(handed.flat()).toEqual(all);
  expect(handed.length).toBeLessThan(8);
});
