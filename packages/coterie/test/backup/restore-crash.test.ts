import { CoterieError } from '@coterie/errors';
import { DataDir, InlineWalRunner, openStore, type DataDirPorts } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk } from '@coterie/mvcc/testing';
import { SeededRandom, VirtualTime } from '@coterie/raft/testing';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { restoreBackupAt } from '../../src/backup/restore-backup.js';
import { PortStorage } from '../../src/data-dir/port-storage.js';
import { drainMicrotasks } from '../../src/testing/system-drain.js';

const keys = 30;

async function backupBytes(): Promise<Uint8Array> {
  await using store = await openStore();
  for (let i = 0; i < keys; i++) await store.put(`k${i}`, 'v'.repeat(5000));
  const chunks: Uint8Array[] = [];
  await store.backup(
    new Writable({
      write: (chunk: Uint8Array, _encoding, done) => {
        chunks.push(chunk);
        done();
      },
    }),
  );
  return Buffer.concat(chunks);
}

/** One machine's disks. Once its process is dead nothing that it still does has an effect. */
class Machine {
  readonly time = new VirtualTime();
  readonly random = new SeededRandom(5);
  readonly disk = new SimDisk({ random: this.random, schedule: (ms, fn) => this.time.schedule(ms, fn) });
  readonly ordered = new ModelOrderedStores((fn) => this.time.schedule(0.1, fn), this.random);
  calls = 0;
  #lives = 0;

  /** The process dies at this call of a disk, before or after it, and the power is gone with it. */
  diesAt(call: number, when: 'before' | 'after'): void {
    const strike = () =>
      ++this.calls === call ? ({ kind: 'stop', when, struck: () => this.die() } as const) : undefined;
    this.disk.saboteur = strike;
    this.ordered.saboteur = strike;
  }

  die(): void {
    this.#lives++;
    this.disk.saboteur = this.ordered.saboteur = undefined;
    this.disk.crash();
    this.ordered.crash(() => this.random.chance(0.5));
  }

  ports(): DataDirPorts {
    const life = this.#lives;
    const alive = <T extends object>(port: T): T =>
      new Proxy(port, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]): unknown => {
            if (life !== this.#lives) throw new Error('the process is dead');
            return (member as (...args: unknown[]) => unknown).apply(target, args);
          };
        },
      });
    const files = alive(this.disk.files);
    return {
      dir: 'data',
      files,
      background: alive(this.disk.background),
      ordered: alive(this.ordered),
      newRunner: () => new InlineWalRunner({ fs: files, schedule: (ms, fn) => this.time.schedule(ms, fn) }),
      defer: (fn) => this.time.schedule(0, fn),
      segmentBytes: 4096,
    };
  }

  restore(bytes: Uint8Array): Promise<unknown> {
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 20_000) yield bytes.subarray(at, at + 20_000);
    }
    return restoreBackupAt(chunks(), this.ports(), this.random, { name: 'a', cluster: { id: 'x', solo: true } });
  }

  /** Runs the world until the promise settles, or until nothing more happens. */
  async settle<T>(work: Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown } | undefined> {
    let settled: { readonly value: T } | { readonly error: unknown } | undefined;
    work.then(
      (value) => (settled = { value }),
      (error: unknown) => (settled = { error }),
    );
    for (let idle = 0; idle < 20 && settled === undefined;) {
      await drainMicrotasks();
      idle = this.time.step() ? 0 : idle + 1;
    }
    return settled;
  }

  async done<T>(work: Promise<T>): Promise<T> {
    const settled = await this.settle(work);
    if (settled === undefined) throw new Error('the world stands still');
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  /** What the directory is to whoever opens it. */
  async state(): Promise<'empty' | 'refused' | 'whole'> {
    const storage = new PortStorage(this.ports());
    try {
      const identity = storage.inspect();
      if (identity === undefined) return 'empty';
      const log = storage.openLog(identity);
      const { start } = log.load();
      const store = await this.done(storage.openStore(start.index));
      const { appliedIndex, keys: found } = store.recovered();
      expect({ appliedIndex, found, id: identity.memberId }).toEqual({
        appliedIndex: start.index,
        found: keys,
        id: start.index,
      });
      const { keys: counted } = await this.done(store.contentHash());
      expect(counted).toBe(keys);
      await this.done(Promise.all([store.close(), log.close()]));
      return 'whole';
    } catch (error) {
      if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') return 'refused';
      throw error;
    }
  }
}

test('a crash at any call of a disk leaves nothing that opens or all of it, and the restore can be run again', async () => {
  const bytes = await backupBytes();
  const whole = new Machine();
  whole.diesAt(0, 'before');
  await whole.done(whole.restore(bytes));
  expect(await whole.state()).toBe('whole');
  const { calls } = whole;
  expect(calls).toBeGreaterThan(40);
  const counts = { empty: 0, refused: 0, whole: 0 };
  for (let call = 1; call <= calls; call++) {
    for (const when of ['before', 'after'] as const) {
      const machine = new Machine();
      machine.diesAt(call, when);
      const ended = await machine.settle(machine.restore(bytes));
      // A call behind the last one that counts may come in another order: then it never died.
      if (ended !== undefined && 'value' in ended) machine.die();
      const state = await machine.state();
      counts[state]++;
      if (state === 'whole') {
        const again = machine.done(machine.restore(bytes));
        await expect(again).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'dataDir' });
        continue;
      }
      await machine.done(machine.restore(bytes));
      expect(await machine.state(), `call ${call}, ${when}`).toBe('whole');
    }
  }
  expect(counts.empty).toBeGreaterThan(0);
  expect(counts.refused).toBeGreaterThan(20);
  expect(counts.whole).toBeGreaterThan(0);
}, 60_000);

test('the directory says what it is while a restore is under way', async () => {
  const machine = new Machine();
  const dir = new DataDir(machine.ports());
  await dir.open();
  dir.saveIdentity({ format: 1, restoring: true });
  await dir.release();
  expect(() => dir.inspect()).toThrow(/a restore into data did not come to its end/);
});
