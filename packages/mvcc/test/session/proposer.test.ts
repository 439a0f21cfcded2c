import { CoterieError } from '@coterie/errors';
import { describe, expect, test } from 'vitest';
import type { WriteRequest, WriteResult } from '../../src/command/operation.js';
import { replicatedLimits } from '../../src/limits.js';
import { MemoryStore } from '../machine/memory-store.js';
import { seededRandom, settle } from '../machine/virtual-clock.js';
import { Process, WriteCluster } from './write-cluster.js';

const put = (key: string, text: string, prev = false): WriteRequest => ({
  kind: 'put',
  key,
  value: new TextEncoder().encode(text),
  prev,
});

/** What became of a promise; 'pending' while nothing has. */
async function fate(promise: Promise<WriteResult>): Promise<string> {
  promise.catch(() => undefined);
  await settle();
  const first = await Promise.race([
    promise.then(
      (result) => `revision ${result.revision}`,
      (error: unknown) => (error instanceof CoterieError ? `${error.code} ${error.outcome}` : String(error)),
    ),
    Promise.resolve()
      .then(() => Promise.resolve('pending'))
      .then((text) => settle().then(() => text)),
  ]);
  return first;
}

function setUp(options: ConstructorParameters<typeof Process>[2] = {}) {
  const cluster = new WriteCluster(seededRandom(2));
  const own = new Process(cluster, new MemoryStore(), { random: seededRandom(1), ...options });
  const deliver = () => {
    do {
      while (cluster.onTheWay > 0) cluster.commit();
      own.applyAll();
    } while (cluster.onTheWay > 0);
  };
  return { cluster, own, proposer: own.proposer, deliver };
}

describe('a proposer', () => {
  test('opens its session with the first write and settles when its own replica has applied', async () => {
    const { cluster, own, proposer } = setUp();
    const first = proposer.write(put('a', '1'));
    expect(await fate(first)).toBe('pending');
    cluster.commit();
    expect(proposer.session).toBe(0);
    own.applyAll();
    expect(proposer.session).toBe(1);
    cluster.commit();
    // Committed, and not applied here: a read of this replica would not see it yet.
    expect(await fate(first)).toBe('pending');
    own.applyAll();
    expect(await fate(first)).toBe('revision 2');
    expect(proposer.open).toBe(0);
  });

  // etcd answers a txn without operations from local state, which may be stale.
  test('a txn of compares alone, or of reads alone, is submitted like a write and takes no revision', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const first = proposer.write(put('a', '1'));
    deliver();
    expect(await fate(first)).toBe('revision 2');
    const absent = { target: 'version', range: { start: 'a', end: 'a\0' }, sign: '==', operand: 0 } as const;
    for (const success of [[], [{ kind: 'get', key: 'a' } as const]]) {
      const before = cluster.log.length;
      const asked = proposer.write({ kind: 'txn', compare: [absent], success, failure: success });
      own.applyAll();
      expect(await fate(asked)).toBe('pending');
      deliver();
      expect(await asked).toMatchObject({ succeeded: false, revision: 2 });
      expect(cluster.log.length).toBe(before + 1);
    }
  });

  test('the bytes of a value are its own once the call has returned', async () => {
    const { own, proposer, deliver } = setUp();
    const value = Uint8Array.of(1);
    const written = proposer.write({ kind: 'put', key: 'a', value, prev: false });
    value[0] = 2;
    deliver();
    await written;
    expect((await own.machine.get('a')).entry?.value).toEqual(Uint8Array.of(1));
  });

  test('a command that is lost with its leader is sent again, and the later ones wait for it', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', '0'));
    deliver();
    await opening;
    const lost = proposer.write(put('a', '1'));
    cluster.dropAll();
    const later = proposer.write(put('a', '2'));
    cluster.commit();
    own.applyAll();
    expect(await fate(later)).toBe('pending');
    deliver();
    expect([await fate(lost), await fate(later)]).toEqual(['revision 3', 'revision 4']);
  });

  test('without any news it sends again by itself', async () => {
    const { cluster, proposer, deliver, own } = setUp({ resendMs: 100 });
    const written = proposer.write(put('a', '1'));
    cluster.dropAll();
    for (let at = 0; at < 8 && cluster.onTheWay === 0; at++) cluster.clock.advance(25);
    deliver();
    cluster.dropAll();
    for (let at = 0; at < 40; at++) {
      cluster.clock.advance(25);
      deliver();
    }
    expect(await fate(written)).toBe('revision 2');
    expect(own.machine.revision).toBe(2);
  });

  test('does not take over the session of somebody who drew the same nonce', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const written = proposer.write(put('a', '1'));
    deliver();
    await written;
    // An earlier run that had the same seed, and drew the same numbers from it.
    const numbers = seededRandom(1);
    const twin = new Process(cluster, new MemoryStore(), { random: numbers });
    twin.applyAll();
    const second = twin.proposer.write(put('a', '2'));
    for (let round = 0; round < 4; round++) {
      deliver();
      twin.applyAll();
    }
    expect(await fate(second)).toBe('revision 3');
    expect(twin.proposer.session).not.toBe(proposer.session);
    expect((await own.machine.get('a')).entry).toMatchObject({ version: 2 });
  });

  test('refusals by apply reject, and nothing was applied', async () => {
    const { proposer, deliver } = setUp();
    const refused = proposer.write({ kind: 'compact', revision: 9 });
    const compare = proposer.write({ ...put('a', '1'), ifRevision: 5 } as WriteRequest);
    deliver();
    expect(await fate(refused)).toBe('ERR_FUTURE_REVISION not-applied');
    expect(await compare).toMatchObject({ ok: false });
  });
});

describe('a call that gives up', () => {
  test('before it was sent: not applied, and those behind it are not held back', async () => {
    const { cluster, own, proposer, deliver } = setUp({ leaderKnown: () => false });
    cluster.faults = { ...cluster.faults, refusePercent: 100 };
    const first = proposer.write(put('a', '1'), { timeoutMs: 50 });
    const second = proposer.write(put('a', '2'), { timeoutMs: 0 });
    cluster.clock.advance(60);
    expect(await fate(first)).toBe('ERR_NO_LEADER not-applied');
    cluster.faults = { ...cluster.faults, refusePercent: 0 };
    proposer.leaderChanged();
    deliver();
    expect(await fate(second)).toBe('revision 2');
    expect((await own.machine.get('a')).entry).toMatchObject({ version: 1 });
  });

  test('nothing is sent ahead of what could not be sent', async () => {
    const { cluster, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', '0'));
    deliver();
    await opening;
    cluster.faults = { ...cluster.faults, refusePercent: 100 };
    const first = proposer.write(put('a', '1'), { timeoutMs: 20 });
    cluster.faults = { ...cluster.faults, refusePercent: 0 };
    const second = proposer.write(put('a', '2'));
    expect(cluster.onTheWay).toBe(0);
    cluster.clock.advance(30);
    deliver();
    expect([await fate(first), await fate(second)]).toEqual(['ERR_OVERLOADED not-applied', 'revision 3']);
  });

  test('after it was sent: unknown, and its command keeps its place in the order', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', '0'));
    deliver();
    await opening;
    const aborting = new AbortController();
    const first = proposer.write(put('a', '1'), { signal: aborting.signal });
    cluster.dropAll();
    aborting.abort(new Error('enough'));
    expect(await fate(first)).toBe('ERR_ABORTED unknown');
    const error: unknown = await first.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'AbortError', cause: new Error('enough'), retryable: false });
    const second = proposer.write(put('a', '2'));
    expect(proposer.open).toBe(2);
    deliver();
    expect(await fate(second)).toBe('revision 4');
    expect((await own.machine.get('a')).entry).toMatchObject({ version: 3 });
  });

  test('with an aborted signal nothing is begun', async () => {
    const { proposer } = setUp();
    expect(await fate(proposer.write(put('a', '1'), { signal: AbortSignal.abort() }))).toBe('ERR_ABORTED not-applied');
    expect(proposer.open).toBe(0);
  });

  test('commands given up at the end of the line leave no trace', async () => {
    const { cluster, proposer } = setUp();
    cluster.faults = { ...cluster.faults, refusePercent: 100 };
    const calls = [1, 2, 3].map((at) => proposer.write(put('a', `${at}`), { timeoutMs: 10 }));
    cluster.clock.advance(30);
    expect(await Promise.all(calls.map(fate))).toEqual(new Array(3).fill('ERR_OVERLOADED not-applied'));
    expect(proposer.open).toBe(0);
  });
});

describe('bounds', () => {
  test('4,096 operations may be open, the next is refused before anything is sent', async () => {
    const { proposer, deliver } = setUp();
    const calls = Array.from({ length: replicatedLimits.openOperations }, (_, at) => proposer.write(put('k', `${at}`)));
    expect(await fate(proposer.write(put('k', 'x')))).toBe('ERR_OVERLOADED not-applied');
    deliver();
    expect((await Promise.all(calls)).at(-1)).toMatchObject({ revision: 4097 });
    const after = proposer.write(put('k', 'y'));
    deliver();
    expect(await fate(after)).toBe('revision 4098');
  });

  test('so may so many bytes', async () => {
    const { proposer } = setUp({ limits: { openBytes: 1_000 } });
    void fate(proposer.write(put('k', 'x'.repeat(1_000))));
    expect(await fate(proposer.write(put('k', 'x')))).toBe('ERR_OVERLOADED not-applied');
  });
});

describe('the end', () => {
  test('close settles every call with what is known of it, and leaves no timer', async () => {
    const { cluster, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', '0'));
    deliver();
    await opening;
    const sent = proposer.write(put('a', '1'));
    cluster.faults = { ...cluster.faults, refusePercent: 100 };
    const kept = proposer.write(put('a', '2'));
    const timers = cluster.clock.timers;
    proposer.close();
    proposer.close();
    expect(await Promise.all([sent, kept].map(fate))).toEqual(['ERR_CLOSED unknown', 'ERR_CLOSED not-applied']);
    expect(await fate(proposer.write(put('a', '3')))).toBe('ERR_CLOSED not-applied');
    expect(cluster.clock.timers).toBe(timers - 1);
    deliver();
  });

  test('an idle session is kept alive, an idle proposer without one has no timer', async () => {
    const { cluster, proposer, deliver } = setUp();
    const timersBefore = cluster.clock.timers;
    const written = proposer.write(put('a', '0'));
    deliver();
    await written;
    const ttl = replicatedLimits.sessionTtlMs;
    for (let spent = 0; spent < 3 * ttl; spent += ttl / 8) {
      for (let at = 0; at < 50; at++) cluster.clock.advance(25);
      cluster.clock.advance(ttl / 8);
      deliver();
      cluster.endExpired();
    }
    expect(cluster.leader.machine.sessions.has(proposer.session)).toBe(true);
    expect(cluster.clock.timers).toBe(timersBefore + 1);
  });
});

describe('a session that ended', () => {
  test('is replaced; what the log shows not to be applied is issued again, in order', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', '0'));
    deliver();
    await opening;
    const old = proposer.session;
    // The process stands still for longer than a session lives.
    const late = [1, 2].map((at) => proposer.write(put('a', `${at}`), { timeoutMs: 0 }));
    cluster.dropAll();
    cluster.clock.advance(replicatedLimits.sessionTtlMs + 1);
    cluster.dropAll();
    cluster.endExpired();
    deliver();
    expect(await Promise.all(late.map(fate))).toEqual(['revision 3', 'revision 4']);
    expect(proposer.session).not.toBe(old);
    expect(own.machine.sessions.has(old)).toBe(false);
  });

  test('behind a snapshot: what was sent is unknown', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', '0'));
    deliver();
    await opening;
    const sent = proposer.write(put('a', '1'), { timeoutMs: 0 });
    cluster.commit();
    cluster.faults = { ...cluster.faults, refusePercent: 100 };
    const unsent = proposer.write(put('a', '2'), { timeoutMs: 0 });
    cluster.clock.advance(replicatedLimits.sessionTtlMs + 1);
    cluster.endExpired();
    cluster.faults = { ...cluster.faults, refusePercent: 0 };
    own.installFrom(cluster.leader);
    deliver();
    expect(await fate(sent)).toBe('ERR_SESSION_EXPIRED unknown');
    expect(await fate(unsent)).toBe('revision 4');
  });
});

describe('after a snapshot', () => {
  test('what it holds is settled from the session table, with entries read again from history', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', 'old'));
    deliver();
    await opening;
    const calls = [
      proposer.write(put('a', 'new', true)),
      proposer.write({ kind: 'delete', range: { start: 'a' }, prev: true }),
      proposer.write({ ...put('b', 'x'), ifRevision: 77 } as WriteRequest),
      proposer.write({
        kind: 'txn',
        compare: [],
        success: [
          { kind: 'put', key: 'c', value: Uint8Array.of(1), prev: true },
          { kind: 'get', key: 'c' },
        ],
        failure: [],
      }),
      proposer.write({ kind: 'add', key: 'n', delta: 3 }),
      proposer.write({ kind: 'compact', revision: 99 }),
    ];
    while (cluster.onTheWay > 0) cluster.commit();
    const lost = proposer.write(put('z', '1'));
    cluster.dropAll();
    own.installFrom(cluster.leader);
    const text = (value: Uint8Array) => new TextDecoder().decode(value);
    const [replaced, deleted, missed, txn, added] = await Promise.all(calls.slice(0, 5));
    expect(replaced).toMatchObject({ kind: 'put', revision: 3, prev: { modRevision: 2 } });
    expect(replaced?.kind === 'put' && 'prev' in replaced && text(replaced.prev.value)).toBe('old');
    expect(deleted).toMatchObject({ deleted: 1, revision: 4, prev: [{ key: 'a', modRevision: 3 }] });
    expect(missed).toEqual({ kind: 'put', ok: false, revision: 4 });
    expect(txn).toMatchObject({ revision: 5, results: [{ kind: 'put' }, { entry: { key: 'c', modRevision: 5 } }] });
    expect(added).toMatchObject({ ok: true, value: 3, revision: 6 });
    expect(await fate(calls[5]!)).toBe('ERR_FUTURE_REVISION not-applied');
    deliver();
    expect(await fate(lost)).toBe('revision 7');
  });

  test('a result whose history is compacted is gone; the write is applied, and says so', async () => {
    const { cluster, own, proposer, deliver } = setUp();
    const opening = proposer.write(put('a', 'old'));
    deliver();
    await opening;
    const call = proposer.write(put('a', 'new', true));
    for (let at = 0; at < 3; at++) void proposer.write(put('b', `${at}`));
    void proposer.write({ kind: 'compact', revision: 5 });
    while (cluster.onTheWay > 0) cluster.commit();
    own.installFrom(cluster.leader);
    expect(await fate(call)).toBe('ERR_RESULT_GONE applied');
  });
});
