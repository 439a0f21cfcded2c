import { InlineWalRunner, MvccStateMachine } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk } from '@coterie/mvcc/testing';
import { encodeConfChange, foundingBatch, type ConfChange, type Entry } from '@coterie/raft';
import { SeededRandom, VirtualTime } from '@coterie/raft/testing';
import { expect, test } from 'vitest';
import type { Identity } from '../../src/data-dir/identity.js';
import { PortStorage } from '../../src/data-dir/port-storage.js';
import { encodeMember } from '../../src/membership/member-record.js';
import { inspectStorage, recoverStorage } from '../../src/recovery/recover-storage.js';
import { drainMicrotasks } from '../../src/testing/system-drain.js';

const names = ['a', 'b', 'c'];
const founders = names.map((name) => ({ name, url: `memory://${name}`, incarnation: name }));
const identity: Identity = { format: 1, clusterId: 'x', name: 'a', incarnation: 'a', uid: 7, memberId: 1, founders };

/** One machine's disks, with a member on them that holds the founding entries and what `more` adds. */
class Machine {
  readonly time = new VirtualTime();
  readonly random = new SeededRandom(3);
  readonly disk = new SimDisk({ random: this.random, schedule: (ms, fn) => this.time.schedule(ms, fn) });
  readonly ordered = new ModelOrderedStores((fn) => this.time.schedule(0.1, fn));

  storage(): PortStorage {
    const schedule = (ms: number, fn: () => void): void => this.time.schedule(ms, fn);
    return new PortStorage({
      dir: 'data',
      files: this.disk.files,
      background: this.disk.background,
      ordered: this.ordered,
      newRunner: () => new InlineWalRunner({ fs: this.disk.files, schedule }),
      defer: (fn) => this.time.schedule(0, fn),
      segmentBytes: 4096,
      storeLimits: { checkpointOperations: 1 },
    });
  }

  /** Runs the world until the promise settles; undefined when nothing more happens: the process died in it. */
  async settle<T>(work: Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown } | undefined> {
    let settled: { readonly value: T } | { readonly error: unknown } | undefined;
    work.then(
      (value) => (settled = { value }),
      (error: unknown) => (settled = { error }),
    );
    for (let i = 0; i < 10_000 && settled === undefined; i++) {
      await drainMicrotasks();
      if (!this.time.step()) break;
    }
    return settled;
  }

  async done<T>(work: Promise<T>): Promise<T> {
    const settled = await this.settle(work);
    if (settled === undefined) throw new Error('the world stands still');
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  async prepare(more: readonly Entry[]): Promise<this> {
    const storage = this.storage();
    await this.done(storage.open());
    const log = storage.openLog(identity);
    log.load();
    const append = (batch: Parameters<typeof log.append>[0]): Promise<void> =>
      new Promise((resolve, reject) => log.append(batch, (error) => (error === undefined ? resolve() : reject(error))));
    await this.done(append(foundingBatch(founders.map(encodeMember))));
    await this.done(append({ seq: 1, entries: more, hardState: { term: 5, vote: 2, commit: 3 }, mustSync: true }));
    await this.done(log.close());
    storage.saveIdentity(identity);
    await this.done(storage.release());
    return this;
  }
}

/** More than one segment of entries that nobody knows to be committed. */
const tail: readonly Entry[] = Array.from({ length: 40 }, (_, i) => {
  return { term: 5, index: 4 + i, kind: 'normal', data: new Uint8Array(300).fill(i) };
});

const change = (index: number, given: ConfChange): Entry => {
  return { term: 5, index, kind: 'conf', data: encodeConfChange(given, new Uint8Array(0)) };
};

const force = { allowLearner: false };

test('a crash at any disk call leaves the old member or the recovered one', async () => {
  const whole = await new Machine().prepare(tail);
  const before = whole.disk.counters.calls;
  await whole.done(recoverStorage(whole.storage(), whole.random, force));
  const calls = whole.disk.counters.calls - before;
  expect(calls).toBeGreaterThan(50);
  let old = 0;
  let recovered = 0;
  for (let call = 1; call <= calls; call++) {
    const machine = await new Machine().prepare(tail);
    machine.disk.stopAtCall(call);
    await machine.settle(recoverStorage(machine.storage(), machine.random, force));
    machine.disk.crash();
    machine.ordered.crash(() => machine.random.chance(0.5));
    const found = await machine.done(inspectStorage(machine.storage()));
    if (found.uid === identity.uid) {
      old++;
      expect(found).toMatchObject({ lastTerm: 5, lastIndex: 43 });
      expect(found.members).toHaveLength(3);
    } else {
      recovered++;
      expect(found).toMatchObject({ lastTerm: 6, lastIndex: 44, commitIndex: 44 });
      expect(found.members.map(({ name, voter }) => [name, voter])).toEqual([['a', true]]);
    }
    // Whatever was left behind does not stand in the way of the next attempt.
    const { index } = await machine.done(recoverStorage(machine.storage(), machine.random, force));
    expect(index).toBe(found.lastIndex + 1);
  }
  expect(old).toBeGreaterThan(40);
  expect(recovered).toBeGreaterThan(0);
}, 60_000);

test('every entry of the log is committed, entry for entry', async () => {
  const machine = await new Machine().prepare(tail);
  await machine.done(recoverStorage(machine.storage(), machine.random, force));
  const storage = machine.storage();
  const log = storage.openLog(storage.inspect()!);
  const loaded = log.load();
  expect(loaded.entries.slice(3, -1)).toEqual(tail);
  expect(loaded.hardState).toEqual({ term: 6, vote: 1, commit: 44 });
  await machine.done(log.close());
});

test('a log that begins behind a checkpoint is recovered with it', async () => {
  const machine = await new Machine().prepare([]);
  const storage = machine.storage();
  await machine.done(storage.open());
  const log = storage.openLog(identity);
  const { entries } = log.load();
  const store = await machine.done(storage.openStore(0));
  const state = new MvccStateMachine({
    store,
    clock: machine.time.process(() => false).clock,
    scheduler: { defer: (fn) => machine.time.schedule(0, fn) },
  });
  const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const members = founders.map((founder, i) => ({ id: i + 1, data: encodeMember(founder) }));
  const checkpointed = new Promise<void>((resolve, reject) => {
    state.attach({ checkpointed: () => resolve(), failed: reject });
  });
  state.logDurable(3);
  for (const { index, term } of entries) state.applyCluster({ index, term }, { conf, members });
  await machine.done(checkpointed);
  await machine.done(state.close());
  log.release({ index: 1, term: 1 });
  await machine.done(log.close());
  await machine.done(storage.release());
  const report = await machine.done(recoverStorage(machine.storage(), machine.random, force));
  expect(report).toMatchObject({ index: 4, term: 6 });
  expect((await machine.done(inspectStorage(machine.storage()))).members.map(({ name }) => name)).toEqual(['a']);
});

test('a joint configuration in the middle of its change is left behind', async () => {
  const machine = await new Machine().prepare([
    change(4, {
      transition: 'explicit',
      steps: [
        { op: 'remove', id: 2 },
        { op: 'addLearner', id: 3 },
      ],
    }),
  ]);
  await machine.done(recoverStorage(machine.storage(), machine.random, force));
  const { members } = await machine.done(inspectStorage(machine.storage()));
  expect(members.map(({ name, voter }) => [name, voter])).toEqual([['a', true]]);
});

test('one that the cluster removed is refused', async () => {
  const machine = await new Machine().prepare([change(4, { transition: 'auto', steps: [{ op: 'remove', id: 1 }] })]);
  const work = machine.done(recoverStorage(machine.storage(), machine.random, { allowLearner: true }));
  await expect(work).rejects.toMatchObject({ code: 'ERR_REMOVED' });
});

test('a learner is recovered only when that is allowed', async () => {
  const machine = await new Machine().prepare([
    change(4, { transition: 'auto', steps: [{ op: 'addLearner', id: 1 }] }),
  ]);
  const refused = machine.done(recoverStorage(machine.storage(), machine.random, force));
  await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'allowLearner' });
  await machine.done(recoverStorage(machine.storage(), machine.random, { allowLearner: true }));
  const { members } = await machine.done(inspectStorage(machine.storage()));
  expect(members.map(({ name, voter }) => [name, voter])).toEqual([['a', true]]);
});

test('a directory that never became a member has nothing to recover', async () => {
  const machine = new Machine();
  const storage = machine.storage();
  await machine.done(storage.open());
  storage.saveIdentity({ format: 1, clusterId: 'x', name: 'a', incarnation: 'a' });
  await machine.done(storage.release());
  const refused = machine.done(recoverStorage(machine.storage(), machine.random, force));
  await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'dataDir' });
});
