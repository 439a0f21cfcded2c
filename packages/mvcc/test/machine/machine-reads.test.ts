import { CoterieError } from '@coterie/errors';
import { describe, expect, test } from 'vitest';
import { encodeWrite } from '../../src/command/encode.js';
import { MvccStateMachine } from '../../src/machine.js';
import { LogWriter } from './log-writer.js';
import { MemoryStore } from './memory-store.js';
import { ManualScheduler, settle, VirtualClock } from './virtual-clock.js';
import { deleteAll, put, Replica } from './replica.js';

describe('reads', () => {
  async function filled(count: number): Promise<Replica> {
    const writer = new LogWriter();
    for (let at = 0; at < count; at++) writer.write(put(`k${at}`));
    return new Replica().apply(...writer.log);
  }
  const all = { range: { start: '' }, limit: 0, reverse: false, keysOnly: false, countOnly: false };

  test('of revisions that are compacted or not reached are refused; the compact revision itself is readable', async () => {
    const writer = new LogWriter();
    for (let at = 0; at < 4; at++) writer.write(put('a', String(at)));
    writer.write({ kind: 'compact', revision: 3 });
    const { machine } = new Replica().apply(...writer.log);
    await expect(machine.get('a', 2)).rejects.toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 3 });
    await expect(machine.get('a', 6)).rejects.toMatchObject({ code: 'ERR_FUTURE_REVISION', revision: 5 });
    await expect(machine.range({ ...all, revision: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(await machine.get('a', 3)).toMatchObject({ revision: 3, entry: { modRevision: 3 } });
    expect(await machine.range({ ...all, revision: 4 })).toMatchObject({ revision: 4, entries: [{ modRevision: 4 }] });
  });

  test('ranges keep to limit, order and what is asked for, and are refused beyond their bounds', async () => {
    const { store } = await filled(20);
    const machine = new MvccStateMachine({
      store: new MemoryStore(store.checkpoint()),
      clock: new VirtualClock(),
      scheduler: new ManualScheduler(),
      limits: { rangeEntries: 20, rangeBytes: 1_500 },
    });
    expect(await machine.range({ ...all, limit: 2, reverse: true })).toMatchObject({
      revision: 21,
      more: true,
      entries: [{ key: 'k9' }, { key: 'k8' }],
    });
    expect(await machine.range({ ...all, countOnly: true })).toEqual({
      revision: 21,
      entries: [],
      more: false,
      count: 20,
    });
    expect((await machine.range({ ...all, keysOnly: true })).entries.every((entry) => entry.value.length === 0)).toBe(
      true,
    );
    expect((await machine.range(all)).entries).toHaveLength(20);
    const small = new MvccStateMachine({
      store: new MemoryStore(store.image),
      clock: new VirtualClock(),
      scheduler: new ManualScheduler(),
      limits: { rangeEntries: 19, rangeBytes: 200 },
    });
    await expect(small.range({ ...all, keysOnly: true })).rejects.toMatchObject({ code: 'ERR_TOO_LARGE' });
    await expect(small.range({ ...all, limit: 5 })).rejects.toMatchObject({ code: 'ERR_TOO_LARGE', limit: 200 });
    expect(await small.range({ ...all, range: { start: 'k1', end: 'k10' } })).toMatchObject({
      entries: [{ key: 'k1' }],
    });
  });

  test('a sequential read is pinned to one revision and lets go of its view at its end', async () => {
    const replica = await filled(9);
    const stream = replica.machine.iterate({ range: { start: '' }, reverse: false });
    const first = await stream.next();
    replica.apply({
      index: replica.machine.applied().index + 1,
      term: 1,
      stampMs: 1,
      wallMs: 0,
      commands: [encodeWrite(1, 10, 1, deleteAll(''))],
    });
    const keys = first!.map(({ key }) => key);
    for (let page = await stream.next(); page !== undefined; page = await stream.next())
      keys.push(...page.map(({ key }) => key));
    expect(keys).toHaveLength(9);
    await settle();
    expect(replica.store.views).toBe(0);
    const closed = replica.machine.iterate({ range: { start: '' }, reverse: true, revision: 5 });
    const waiting = closed.next();
    closed.close();
    expect(await waiting).toBeUndefined();
    await settle();
    expect(replica.store.views).toBe(0);
    const future = replica.machine.iterate({ range: { start: '' }, reverse: true, revision: 500 });
    await expect(future.next()).rejects.toMatchObject({ code: 'ERR_FUTURE_REVISION' });
    expect(await future.next()).toBeUndefined();
  });

  test('waiting for a revision ends with it, with the deadline, with the signal and with the store', async () => {
    const replica = await filled(1);
    const { machine, clock } = replica;
    await machine.waitForRevision(2);
    const aborting = new AbortController();
    const waits = [
      machine.waitForRevision(3),
      machine.waitForRevision(9, { timeoutMs: 100 }),
      machine.waitForRevision(9, { signal: aborting.signal }),
      machine.waitForRevision(9),
    ].map((wait) =>
      wait.then(
        () => 'reached',
        (error: unknown) => (error instanceof CoterieError ? error.code : error),
      ),
    );
    const writer = { index: machine.applied().index + 1, term: 1, stampMs: 1, wallMs: 0 };
    replica.apply({ ...writer, commands: [encodeWrite(1, 2, 1, put('z'))] });
    clock.advance(150);
    aborting.abort();
    await machine.close();
    expect(await Promise.all(waits)).toEqual(['reached', 'ERR_TIMEOUT', 'ERR_ABORTED', 'ERR_CLOSED']);
    expect(clock.timers).toBe(0);
    await expect(machine.waitForRevision(99)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(machine.get('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});
