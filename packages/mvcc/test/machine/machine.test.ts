import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeWrite } from '../../src/command/encode.js';
import { keyAlone } from '../../src/command/key-range.js';
import type { RawEntry } from '../../src/command/operation.js';
import { replicatedLimits } from '../../src/limits.js';
import { aRequest } from '../command/request-arbitrary.js';
import { NaiveModel } from '../../src/testing/naive-model.js';
import { LogWriter } from './log-writer.js';
import { cluster, deleteAll, put, Replica, value } from './replica.js';

describe('entries', () => {
  test('writes of one session have the outcomes and the state of a naive model', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(aRequest, { maxLength: 4 }), { maxLength: 12, size: 'max' }),
        async (groups) => {
          const writer = new LogWriter();
          const replica = new Replica();
          const model = new NaiveModel();
          replica.apply(...writer.log);
          replica.told.length = 0;
          const expected: unknown[] = [];
          for (const group of groups) {
            for (const request of group) expected.push(model.execute(request));
            replica.apply(writer.write(...group));
          }
          expect(replica.told.map(([, , , outcome]) => outcome)).toEqual(expected);
          expect(replica.machine.revision).toBe(model.revision);
          expect(await replica.entries()).toEqual(model.live);
          for (let revision = Math.max(2, model.compactRevision); revision <= model.revision; revision++) {
            for (const { key, after } of model.history[revision - 2]?.events ?? []) {
              const got = await replica.machine.get(key, revision);
              expect(got).toEqual(after === undefined ? { revision } : { revision, entry: after });
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('each command of an entry has its own revision, and watches see each', async () => {
    const writer = new LogWriter();
    const { machine, told } = new Replica().apply(...writer.log);
    const stream = machine.watch({
      ranges: [{ start: '' }],
      prev: false,
      initial: false,
      progress: false,
      overflow: 'resume',
    });
    expect(await stream.next()).toMatchObject([{ kind: 'opened', revision: 1 }]);
    const entry = writer.write(put('a'), put('b'), put('c'));
    machine.prepare(entry, () => undefined);
    machine.apply(entry);
    expect(told.slice(1)).toMatchObject([
      ['settled', 1, 1, { revision: 2 }],
      ['settled', 1, 2, { revision: 3 }],
      ['settled', 1, 3, { revision: 4 }],
    ]);
    expect((await stream.next())?.map(({ revision }) => revision)).toEqual([2, 3, 4]);
  });

  test('bytes that say nothing are passed over; a write that cannot be read takes its sequence', () => {
    const writer = new LogWriter();
    const unreadable = new Uint8Array(encodeWrite(1, 1, 1, put('a')));
    unreadable[20] = 200;
    writer.append([Uint8Array.of(9, 9, 9), new Uint8Array(0), unreadable, encodeWrite(1, 2, 1, put('b'))]);
    const { told, machine } = new Replica().apply(...writer.log);
    expect(told.slice(1)).toMatchObject([
      ['settled', 1, 1, { kind: 'refused', code: 'ERR_CORRUPT' }],
      ['settled', 1, 2, { revision: 2 }],
    ]);
    expect(machine.revision).toBe(2);
  });

  test('log time never goes back, whatever the stamps', () => {
    const replica = new Replica();
    const stamps = [5, 3, Number.POSITIVE_INFINITY, NaN, 7, 0];
    const seen = stamps.map((stampMs, at) => {
      replica.apply({ index: at + 1, term: 1, stampMs, wallMs: 0, commands: [] });
      return replica.machine.logTimeMs();
    });
    expect(seen).toEqual([5, 5, 5, 5, 7, 7]);
  });

  test('entries apply in order, each once', () => {
    const writer = new LogWriter();
    const entry = writer.write(put('a'));
    const { machine } = new Replica();
    expect(() => machine.apply(entry)).toThrow(/in order/);
  });

  test('what an entry deletes before a range is read is loaded with it', () => {
    const writer = new LogWriter();
    for (let at = 0; at < 40; at++) writer.write(put(`k${String(at).padStart(2, '0')}`));
    const range = { start: 'k' };
    const read = { kind: 'range', range, limit: 3, reverse: false, keysOnly: true, countOnly: false } as const;
    const deletes = Array.from(
      { length: 10 },
      (_, at) => ({ kind: 'delete', range: keyAlone(`k0${at}`), prev: false }) as const,
    );
    writer.write(...deletes, deleteAll('k10', 'k20'), { kind: 'txn', compare: [], success: [read], failure: [] });
    writer.write(deleteAll('k20', 'k30'), {
      kind: 'txn',
      compare: [],
      success: [{ kind: 'delete', range: keyAlone('k30'), prev: false }, read],
      failure: [],
    });
    const { told } = new Replica().apply(...writer.log);
    const keys = told
      .filter(([what]) => what === 'settled')
      .map(([, , , outcome]) => outcome as { results?: { entries?: RawEntry[] }[] })
      .flatMap(({ results }) => results ?? [])
      .flatMap(({ entries }) => entries?.map(({ key }) => key) ?? []);
    expect(keys).toEqual(['k20', 'k21', 'k22', 'k31', 'k32', 'k33']);
  });

  test('an entry that deletes very much has its later reads of ranges sent again, nothing else', () => {
    const writer = new LogWriter();
    const count = replicatedLimits.changesPerRevision;
    for (let at = 0; at < count + 20; at += 100) {
      const success = Array.from(
        { length: 100 },
        (_, of) =>
          ({ kind: 'put', key: `k${String(at + of).padStart(6, '0')}`, value: value(''), prev: false }) as const,
      );
      writer.write({ kind: 'txn', compare: [], success, failure: [] });
    }
    const replica = new Replica().apply(...writer.log);
    replica.told.length = 0;
    const last = `k${String(count).padStart(6, '0')}`;
    replica.apply(
      writer.write(deleteAll('k', last), deleteAll(last, `${last}\x01`), put('z'), deleteAll('z'), put('y')),
    );
    expect(replica.told.map(([what, , sequence]) => [what, sequence])).toEqual([
      ['settled', writer.sequence - 4],
      ['settled', writer.sequence - 3],
      ['settled', writer.sequence - 2],
      ['gap', writer.sequence - 1],
      ['gap', writer.sequence - 1],
    ]);
  });
});

describe('the cluster', () => {
  test('is part of the state, survives a restart and goes with the hash', () => {
    const replica = new Replica();
    expect(replica.machine.cluster()).toBeUndefined();
    replica.machine.applyCluster({ index: 1, term: 3 }, cluster);
    expect(replica.machine.applied()).toEqual({ index: 1, term: 3 });
    const again = new Replica(replica.store.checkpoint());
    expect(again.machine.cluster()).toEqual(cluster);
    expect(again.machine.applied()).toEqual({ index: 1, term: 3 });
    expect(again.machine.stateHash()).toEqual(replica.machine.stateHash());
  });
});

describe('a snapshot', () => {
  test('rebinds everything: state, sessions, watches, waiting reads', async () => {
    const writer = new LogWriter();
    const behind = new Replica().apply(...writer.log);
    const { machine } = behind;
    const stream = machine.watch({
      ranges: [keyAlone('a')],
      prev: false,
      initial: false,
      progress: false,
      overflow: 'resume',
    });
    await stream.next();
    const waiting = machine.waitForRevision(4);
    for (const text of ['1', '2', '3']) writer.write(put('a', text));
    const ahead = new Replica().apply(...writer.log);
    behind.store.incoming = ahead.store.checkpoint();
    machine.installSnapshot({ index: 4, term: 1, conf: cluster.conf, size: 0 });
    await waiting;
    expect(machine.stateHash()).toEqual(ahead.machine.stateHash());
    expect(machine.sessions.lastSequence(1)).toBe(3);
    expect(behind.told.at(-1)).toEqual(['rebound']);
    const revisions: number[] = [];
    while (revisions.length < 3) revisions.push(...(await stream.next())!.map(({ revision }) => revision));
    expect(revisions).toEqual([2, 3, 4]);
    const next = writer.write(put('a', '4'));
    expect(behind.apply(next).machine.stateHash()).toEqual(ahead.apply(next).machine.stateHash());
    expect(await stream.next()).toMatchObject([{ revision: 5 }]);
  });
});
