import { expect, test } from 'vitest';
import { changesBefore } from '../../src/store/history/change-run.js';
import { ChangeAssembler } from '../../src/store/history/change-assembler.js';
import { RecentChanges } from '../../src/store/recent-changes.js';
import { resolveStoreLimits } from '../../src/store/store-limits.js';
import type { KeyEvent, KeyRecord, RevisionEvents } from '../../src/store/types.js';
import { bytes, makeRecord, seeded } from './fixture.js';

const first = 10;
/** More than three of the runs that they stand in, and several spaces. */
const many = 2_000;
const limits = resolveStoreLimits({ sliceBytes: 20_000, recentBytes: 200_000, checkpointBytes: 3_000_000 });

const put = (key: string, revision: number, length: number): KeyEvent => ({
  key,
  before: revision % 3 === 0 ? makeRecord(key, bytes('before'), revision - 1, undefined) : undefined,
  after: makeRecord(key, bytes('x'.repeat(length)), revision, undefined),
});

/** Now and then one that is too large to be copied, and some of several events. */
function change(revision: number): RevisionEvents {
  if (revision % 500 === 0) return { revision, events: [put('large', revision, 70_000)] };
  const events = Array.from({ length: 1 + (revision % 4) }, (_, at) => put(`key-${at}`, revision, revision % 50));
  return { revision, events };
}

function filled(): { readonly recent: RecentChanges; readonly all: RevisionEvents[] } {
  const recent = new RecentChanges(first - 1, limits);
  const all = Array.from({ length: many }, (_, at) => change(first + at));
  for (const one of all) recent.push(one);
  return { recent, all };
}

/** To compare: elements of long values one by one take minutes. */
const shown = (changes: readonly RevisionEvents[]): readonly string[] =>
  changes.map(({ revision, events }) =>
    events.map(({ key, before, after }) => [revision, key, recordShown(before), recordShown(after)].join()).join(),
  );

function recordShown(record: KeyRecord | undefined): string {
  if (record === undefined) return 'none';
  const { createRevision, modRevision, version, lease, crc32c, value } = record;
  return [createRevision, modRevision, version, lease, crc32c, Buffer.from(value).toString('latin1')].join();
}

/** What history would have in its files. */
function written(recent: RecentChanges, after: number, through: number, maxBytes = 1_000): RevisionEvents[] {
  const assembler = new ChangeAssembler(0);
  let rest = Buffer.alloc(0);
  for (const { run, from, to } of recent.between(after, through)) {
    for (let position = { at: from, sub: 0 }; position.at < to;) {
      const { bytes: frames, next } = run.frames(position, to, maxBytes);
      rest = Buffer.concat([rest, frames]);
      rest = rest.subarray(assembler.take(rest, Number.POSITIVE_INFINITY).used);
      position = next;
    }
  }
  expect(rest.length).toBe(0);
  return assembler.changes;
}

test('what lies between two revisions, and what follows one, is as if the changes stood in one list', () => {
  const { recent, all } = filled();
  const random = seeded(1);
  for (let round = 0; round < 40; round++) {
    const after = first - 5 + random.nextInt(many + 10);
    const through = after + random.nextInt(many);
    expect(shown(written(recent, after, through, 1 + random.nextInt(3_000)))).toEqual(
      shown(all.filter((one) => one.revision > after && one.revision <= through)),
    );
    const taken = recent.take(after, random.nextInt(600_000));
    expect(shown(taken)).toEqual(shown(all.filter((one) => one.revision >= after).slice(0, taken.length)));
  }
  expect(recent.take(first + 1_020, 1)).toEqual([all[1_020]]);
  expect(recent.take(first + many, 1)).toEqual([]);
});

test('frames are cut where there are enough bytes, with one change at least', () => {
  const { recent } = filled();
  for (const { run, from, to } of recent.between(0, first + many)) {
    const { length } = run.frames({ at: from, sub: 0 }, to, 1).bytes;
    expect(run.frames({ at: from, sub: 0 }, to, length).bytes.length).toBe(length);
    if (to - from > 1) expect(run.frames({ at: from, sub: 0 }, to, length + 1).bytes.length).toBeGreaterThan(length);
  }
});

test('it gives up the oldest while enough bytes are left, and nothing behind a revision', () => {
  const random = seeded(2);
  for (let round = 0; round < 4; round++) {
    const { recent, all } = filled();
    for (let step = 0; step < 3; step++) {
      const { bytes: held, firstRevision } = recent;
      const through = first + random.nextInt(many);
      const keep = random.nextInt(held + 1);
      recent.trim(through, keep);
      expect(recent.firstRevision).toBeGreaterThanOrEqual(firstRevision);
      expect(recent.firstRevision).toBeLessThanOrEqual(Math.max(firstRevision, through + 1));
      expect(recent.bytes).toBeGreaterThanOrEqual(keep);
      // One run at the most is more than there should be.
      const [oldest] = recent.between(0, first + many);
      if (oldest !== undefined && changesBefore(oldest.run, through + 1) === oldest.run.length)
        expect(recent.bytes - oldest.run.frameBytes).toBeLessThan(keep);
      const left = all.filter(({ revision }) => revision >= recent.firstRevision);
      expect(shown(written(recent, 0, first + many, 100_000))).toEqual(shown(left));
      expect(shown(recent.take(recent.firstRevision, Number.POSITIVE_INFINITY))).toEqual(shown(left));
    }
  }
});

test('memory that is written again holds nothing that is still there', () => {
  const { recent, all } = filled();
  for (let revision = first + many; revision < first + 4 * many; revision += 201) {
    // Everything, at times: what comes next stands where the newest stood.
    recent.trim(revision % 5 === 0 ? revision : revision - 300, 0);
    for (let at = 0; at < 201; at++) {
      all.push(change(revision + at));
      recent.push(change(revision + at));
    }
    const left = all.filter((one) => one.revision >= recent.firstRevision);
    expect(left.length).toBeGreaterThanOrEqual(200);
    expect(shown(written(recent, 0, revision + 201, 100_000))).toEqual(shown(left));
  }
});

test('what was taken or handed out does not change while more comes', () => {
  const { recent, all } = filled();
  const handed = recent.between(0, first + many);
  const taken = recent.take(first, Number.POSITIVE_INFINITY);
  const frames = handed.map(
    ({ run, from, to }) => run.frames({ at: from, sub: 0 }, to, Number.POSITIVE_INFINITY).bytes,
  );
  const copies = frames.map((one) => Buffer.from(one));
  for (let at = 0; at < 2_000; at++) recent.push(change(first + many + at));
  expect(frames.map((one) => Buffer.from(one))).toEqual(copies);
  recent.trim(first + many - 1, 0);
  for (let at = 2_000; at < 6_000; at++) recent.push(change(first + many + at));
  expect(shown(taken)).toEqual(shown(all));
});
