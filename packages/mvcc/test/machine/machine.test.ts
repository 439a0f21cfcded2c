import { CoterieError } from '@coterie/errors';
import type { ClusterState, CommittedEntry } from '@coterie/raft';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeEndSession, encodeOpenSession, encodeSkip, encodeTouch, encodeWrite } from '../../src/command/encode.js';
import { keyAlone } from '../../src/command/key-range.js';
import type { RawEntry, WriteRequest } from '../../src/command/operation.js';
import { replicatedLimits } from '../../src/limits.js';
import { MvccStateMachine } from '../../src/machine.js';
import type { SessionListener } from '../../src/session/replica.js';
import { aRequest } from '../command/request-arbitrary.js';
import { NaiveModel } from '../txn/naive-model.js';
import { LogWriter } from './log-writer.js';
import { type Image, MemoryStore } from './memory-store.js';
import { ManualScheduler, settle, VirtualClock } from './virtual-clock.js';

const value = (text: string): Uint8Array => new TextEncoder().encode(text);
const put = (key: string, text = 'v'): WriteRequest => ({ kind: 'put', key, value: value(text), prev: false });
const deleteAll = (start: string, end?: string): WriteRequest => ({
  kind: 'delete',
  range: end === undefined ? { start } : { start, end },
  prev: false,
});
const cluster: ClusterState = {
  conf: { voters: [1, 2], votersOutgoing: [3], learners: [4], learnersNext: [], autoLeave: true },
  members: [{ id: 1, data: Uint8Array.of(1, 2) }],
};

/** A machine that writes down what it tells about sessions. */
class Replica {
  readonly store: MemoryStore;
  readonly machine: MvccStateMachine;
  readonly clock = new VirtualClock();
  readonly told: unknown[][] = [];

  constructor(image?: Image) {
    this.store = new MemoryStore(image);
    this.machine = new MvccStateMachine({ store: this.store, clock: this.clock, scheduler: new ManualScheduler() });
    this.machine.attach({ checkpointed: () => undefined, failed: () => undefined });
    const tell =
      (what: string) =>
      (...args: unknown[]) =>
        this.told.push([what, ...args]);
    const listener: SessionListener = {
      opened: tell('opened'),
      settled: tell('settled'),
      gap: tell('gap'),
      ended: tell('ended'),
      rebound: tell('rebound'),
    };
    this.machine.listen(listener);
  }

  apply(...entries: readonly CommittedEntry[]): this {
    for (const entry of entries) {
      expect(this.machine.prepare(entry, () => undefined)).toBe(true);
      this.machine.apply(entry);
    }
    return this;
  }

  async entries(): Promise<readonly RawEntry[]> {
    const range = { start: '' };
    return (await this.machine.range({ range, limit: 0, reverse: false, keysOnly: false, countOnly: false })).entries;
  }
}

/** Any entry that may be in a log: writes of sessions that are open or not, in order or not, and bytes that say nothing. */
const anEntryOfCommands = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), aRequest)
        .map(([session, sequence, request]) => encodeWrite(session, sequence, sequence, request)),
    },
    { weight: 2, arbitrary: fc.constantFrom('a', 'b', 'c').map((letter) => encodeOpenSession(letter.repeat(16))) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }))
        .map(([session, sequence]) => encodeSkip(session, sequence, 1)),
    },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }).map((session) => encodeTouch(session, 3)) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }).map(encodeEndSession) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
  ),
  { maxLength: 6 },
);

const aLog = fc
  .array(fc.record({ commands: anEntryOfCommands, stampMs: fc.constantFrom(0, 1, 5_000, 700_000, 2_000_000, NaN) }), {
    maxLength: 25,
  })
  .map((entries) => entries.map((entry, at): CommittedEntry => ({ index: at + 1, term: 1, wallMs: 0, ...entry })));

describe('determinism', () => {
  test('one that never stopped and one that starts again from checkpoints go through the same states', () => {
    fc.assert(
      fc.property(aLog, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (log, chance) => {
        const steady = new Replica();
        let restarted = new Replica();
        for (const entry of log) {
          steady.apply(entry);
          restarted.apply(entry);
          const dice = chance.next().value;
          if (dice === 0) restarted.store.checkpoint();
          if (dice === 1) {
            restarted = new Replica(restarted.store.image);
            restarted.apply(...log.slice(restarted.machine.applied().index, entry.index));
          }
          expect(restarted.machine.stateHash()).toEqual(steady.machine.stateHash());
        }
        expect(restarted.store.checkpoint()).toEqual(steady.store.checkpoint());
      }),
      { numRuns: 150 },
    );
  });

  test('a different effect makes every later hash different', () => {
    const one = new LogWriter();
    const other = new LogWriter();
    one.write(put('a', '1'));
    other.write(put('a', '2'));
    for (const writer of [one, other]) writer.write(put('b'));
    const hashes = [one, other].map(({ log }) => new Replica().apply(...log).machine.stateHash());
    expect(hashes[0]).toMatchObject({ index: 3, revision: 3 });
    expect(hashes[0]?.chain).not.toBe(hashes[1]?.chain);
    expect(Number.isSafeInteger(hashes[0]?.chain)).toBe(true);
  });

  test('hashes to compare are kept at every 1,024th index', () => {
    const writer = new LogWriter();
    while (writer.log.length < 2_100) writer.write(put('a'));
    const { machine } = new Replica().apply(...writer.log);
    expect(machine.stateHashes().map(({ index }) => index)).toEqual([1_024, 2_048]);
  });
});

describe('entries', () => {
  test('writes of one session have the outcomes and the state of a naive model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(aRequest, { maxLength: 4 }), { maxLength: 12 }), async (groups) => {
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
        const entries = [...model.state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
        expect(await replica.entries()).toEqual(entries);
        for (let revision = Math.max(2, model.compactRevision); revision <= model.revision; revision++) {
          for (const { key, after } of model.history.get(revision) ?? []) {
            const got = await replica.machine.get(key, revision);
            expect(got).toEqual(after === undefined ? { revision } : { revision, entry: after });
          }
        }
      }),
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
    writer.write(deleteAll('k20', 'k30'), { kind: 'txn', compare: [], success: [deletes[0]!, read], failure: [] });
    const { told } = new Replica().apply(...writer.log);
    const keys = told
      .filter(([what]) => what === 'settled')
      .map(([, , , outcome]) => outcome as { results?: { entries?: RawEntry[] }[] })
      .flatMap(({ results }) => results ?? [])
      .flatMap(({ entries }) => entries?.map(({ key }) => key) ?? []);
    expect(keys).toEqual(['k20', 'k21', 'k22', 'k30', 'k31', 'k32']);
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

describe('sessions', () => {
  test('one is opened an entry, its id is the index; the nonce of a live one gives it again', () => {
    const replica = new Replica();
    const writer = { index: 0 };
    const entry = (...commands: Uint8Array[]): CommittedEntry => ({
      index: ++writer.index,
      term: 1,
      stampMs: 1,
      wallMs: 0,
      commands,
    });
    const [a, b] = ['a'.repeat(16), 'b'.repeat(16)];
    replica.apply(
      entry(encodeOpenSession(a), encodeOpenSession(b), encodeOpenSession(a)),
      entry(encodeOpenSession(b), encodeOpenSession(a)),
    );
    expect(replica.told).toEqual([
      ['opened', a, 1],
      ['opened', b, undefined],
      ['opened', a, 1],
      ['opened', b, 2],
      ['opened', a, 1],
    ]);
  });

  test('a duplicate gets the first outcome, a gap applies nothing, an unknown session is refused for good', () => {
    const writer = new LogWriter();
    const replica = new Replica().apply(...writer.log);
    const add = (sequence: number) => encodeWrite(1, sequence, 1, { kind: 'add', key: 'n', delta: 5 });
    replica.apply(writer.append([add(1), add(1), add(3), add(2), add(1), encodeWrite(77, 1, 1, put('x'))]));
    expect(replica.told.slice(1)).toMatchObject([
      ['settled', 1, 1, { value: 5, revision: 2 }],
      ['settled', 1, 1, { value: 5, revision: 2 }],
      ['gap', 1, 2],
      ['settled', 1, 2, { value: 10, revision: 3 }],
      ['settled', 1, 1, { value: 5, revision: 2 }],
      ['ended', 77],
    ]);
    expect(replica.machine.revision).toBe(3);
  });

  test('keep the outcomes that are not acknowledged, within their bounds', () => {
    const writer = new LogWriter();
    const replica = new Replica().apply(...writer.log);
    const commands = Array.from({ length: replicatedLimits.openOperations + 5 }, (_, at) =>
      encodeWrite(1, at + 1, 1, put('a')),
    );
    replica.apply(writer.append(commands));
    const { sessions } = replica.machine;
    expect(sessions.outcome(1, 5)).toBe('gone');
    expect(sessions.outcome(1, 6)).toMatchObject({ revision: 7 });
    expect(sessions.outcome(1, commands.length + 1)).toBe('not-seen');
    replica.apply(writer.append([encodeTouch(1, 100)]));
    expect(sessions.outcome(1, 99)).toBe('gone');
    expect(sessions.outcome(1, 100)).toMatchObject({ revision: 101 });
    // An acknowledgement of what has not been applied is no reason to forget what comes.
    replica.apply(writer.append([encodeTouch(1, 1_000_000), encodeWrite(1, commands.length + 1, 1, put('a'))]));
    expect(sessions.outcome(1, commands.length + 1)).toMatchObject({ kind: 'put' });
  });

  test('end only when they had no contact for their TTL, by log time', () => {
    const writer = new LogWriter();
    const replica = new Replica().apply(...writer.log);
    const { machine } = replica;
    const ttl = replicatedLimits.sessionTtlMs;
    writer.stampMs += ttl - 1;
    expect(machine.expiredSessions(writer.stampMs)).toEqual([]);
    replica.apply(writer.append([encodeEndSession(1)]));
    expect(machine.sessions.has(1)).toBe(true);
    replica.apply(writer.append([encodeTouch(1, 1)]));
    writer.stampMs += ttl - 1;
    replica.apply(writer.append([encodeEndSession(1)]));
    expect(machine.sessions.has(1)).toBe(true);
    writer.stampMs += 1;
    expect(machine.expiredSessions(writer.stampMs)).toEqual([1]);
    replica.apply(writer.append([encodeEndSession(1), encodeWrite(1, 1, 1, put('a'))]));
    expect(machine.sessions.has(1)).toBe(false);
    expect(machine.revision).toBe(1);
    expect(replica.told.filter(([what]) => what === 'ended')).toHaveLength(2);
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
