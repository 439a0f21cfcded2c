import { describe, expect, it } from 'vitest';
import type { AppendBatch, HardState, Random } from '@coterie/raft';
import { SimDisk, SimulatedStop } from '../../src/files/sim-disk.js';
import { sequenceOf } from '../../src/wal/format.js';
import { seededRandom } from '../files/virtual-time.js';
import { entry, hardState, LogUnderTest, noConf } from './log-under-test.js';
import { after, emptyState, expectEntries, expectPrefix, expectSameLog, type ModelState } from './log-model.js';

type CrashKind = 'crash' | 'kill';

/** One life of a process with a log, doing what a seed says until it is through or the disk stops it. */
class Life {
  readonly submitted: AppendBatch[] = [];
  released = 0;
  log: LogUnderTest | undefined;
  readonly #random: Random;
  #state: ModelState;

  constructor(random: Random, state: ModelState) {
    this.#random = random;
    this.#state = state;
  }

  /** How many batches may not be lost: those that were done, up to the last one that asked for a sync. */
  get promised(): number {
    const done = this.submitted.slice(0, this.log?.done.length ?? 0);
    return done.findLastIndex(({ mustSync }) => mustSync) + 1;
  }

  run(disk: SimDisk, steps: number): void {
    try {
      this.log = new LogUnderTest(disk.files, '/log');
      for (let i = 0; i < steps && !disk.stopped && this.log.errors.length === 0; i++) this.#step(this.log);
      if (!disk.stopped && this.log.errors.length === 0) this.log.time.run();
    } catch (error) {
      if (!(error instanceof SimulatedStop) && !disk.stopped) throw error;
    }
    // What a stopped process would still have done, it does not do.
    this.log?.runner.abandon();
  }

  #step(log: LogUnderTest): void {
    const what = this.#random.nextInt(20);
    if (what < 11) this.#submit(log, this.#entries());
    else if (what < 13) this.#submit(log, { hardState: this.#hardState(0), mustSync: false });
    else if (what === 13) this.#submit(log, { hardState: this.#hardState(1) });
    else if (what === 14 && this.#random.nextInt(3) === 0) this.#submit(log, this.#snapshot());
    else if (what === 15) this.#release(log);
    else for (let i = this.#random.nextInt(12); i >= 0; i--) log.time.step();
  }

  #submit(log: LogUnderTest, batch: Parameters<LogUnderTest['append']>[0]): void {
    // Counted as submitted first: whatever happens from here on, it may be found.
    const full: AppendBatch = { seq: 0, entries: [], mustSync: true, ...batch };
    this.submitted.push(full);
    this.#state = after(this.#state, full);
    log.append(batch);
  }

  #entries(): Partial<AppendBatch> {
    const { start, entries, hardState: current } = this.#state;
    const last = start.index + entries.length;
    // Sometimes a new leader overwrites an uncommitted end.
    const overwrite = this.#random.nextInt(8) === 0;
    const from = overwrite ? current.commit + 1 + this.#random.nextInt(last - current.commit + 1) : last + 1;
    const term = Math.max(1, current.term) + (overwrite ? 1 : 0);
    const written = Array.from({ length: 1 + this.#random.nextInt(4) }, (_, i) => {
      const size = [0, 5, 40, 200, 700, 1500][this.#random.nextInt(6)] as number;
      return entry(from + i, term, this.#random.nextInt(5) === 0 ? new Uint8Array(size) : size);
    });
    const commit = current.commit + this.#random.nextInt(from - current.commit);
    return { entries: written, hardState: hardState(term, current.vote, commit) };
  }

  #hardState(termStep: number): HardState {
    const { start, entries, hardState: current } = this.#state;
    const last = start.index + entries.length;
    return hardState(
      current.term + termStep,
      this.#random.nextInt(4),
      current.commit + this.#random.nextInt(last - current.commit + 1),
    );
  }

  #snapshot(): Partial<AppendBatch> {
    const { start, entries, hardState: current } = this.#state;
    const index = start.index + entries.length + 1 + this.#random.nextInt(50);
    const term = current.term + 1;
    const conf = { ...noConf, voters: [index] };
    return { snapshot: { index, term, conf, size: 1 }, hardState: hardState(term, 0, index) };
  }

  /** Up to something that is acknowledged and committed, as a driver does. */
  #release(log: LogUnderTest): void {
    let durable = this.#base;
    for (const batch of this.submitted.slice(0, log.done.length)) durable = after(durable, batch);
    const through = durable.entries.filter(({ index }) => index <= durable.hardState.commit).at(-1);
    if (through === undefined) return;
    this.released = Math.max(this.released, through.index);
    log.wal.release({ index: through.index, term: through.term });
  }

  readonly #base = emptyState;
}

const steps = 50;

/** How many calls of the file system an undisturbed life makes. */
function callsOf(seed: number): number {
  const disk = new SimDisk({ random: seededRandom(seed), schedule: () => undefined });
  const life = new Life(seededRandom(seed + 1), emptyState);
  life.run(disk, steps);
  expect(life.log?.errors).toEqual([]);
  // Segments were filled, and the first ones removed: both of which a crash then falls into.
  const names = disk.files.readdir('/log').filter((name) => name.endsWith('.wal'));
  expect(sequenceOf(names.at(-1) as string)).toBeGreaterThan(3);
  expect(sequenceOf(names[0] as string)).toBeGreaterThan(1);
  return disk.counters.calls;
}

function crashAt(seed: number, call: number, kind: CrashKind): SimDisk {
  const disk = new SimDisk({ random: seededRandom(seed * 10_007 + call), schedule: () => undefined });
  const life = new Life(seededRandom(seed + 1), emptyState);
  disk.stopAtCall(call);
  life.run(disk, steps);
  disk[kind]();

  // The first attempt to open may be struck down as well, anywhere.
  disk.stopAtCall(1 + (call % 13));
  new Life(seededRandom(0), emptyState).run(disk, 0);
  disk[call % 2 === 0 ? 'crash' : 'kill']();

  const second = new LogUnderTest(disk.files, '/log');
  const { state } = expectPrefix(second.loaded, life.submitted, life.promised, life.released);
  // What load returned is durable now, also what nobody had been promised before, and so is what follows it.
  const term = state.hardState.term + 1;
  const next = second.loaded.start.index + second.loaded.entries.length + 1;
  const little = call % 3 === 0 ? [] : [entry(next, term, 10)];
  if (little.length > 0) second.write({ entries: little });
  second.runner.abandon();
  disk.crash();
  const third = new LogUnderTest(disk.files, '/log');
  expectSameLog(third.loaded, { ...second.loaded, entries: [...second.loaded.entries, ...little] });

  // And the log goes on.
  const more = Array.from({ length: 9 }, (_, i) => entry(next + little.length + i, term, 500));
  third.write({ entries: more });
  expect(third.done).toEqual([1]);
  disk.crash();
  const fourth = new LogUnderTest(disk.files, '/log');
  expectEntries(fourth.loaded.entries, [...third.loaded.entries, ...more]);
  return disk;
}

describe.each([
  ['a power loss', 'crash' as const],
  ['the death of the process', 'kill' as const],
])('%s at any call of the file system', (_what, kind) => {
  it.each([1, 2])('loses nothing acknowledged and leaves nothing half (seed %i)', (seed) => {
    const calls = callsOf(seed);
    expect(calls).toBeGreaterThan(100);
    const fired = { lostSectors: 0, lostNames: 0 };
    for (let call = 1; call <= calls; call++) {
      try {
        const { counters } = crashAt(seed, call, kind);
        fired.lostSectors += counters.lostSectors;
        fired.lostNames += counters.lostNames;
      } catch (error) {
        throw new Error(`seed ${seed}, call ${call} of ${calls}: ${String(error)}`, { cause: error });
      }
    }
    if (kind === 'crash') expect(fired.lostSectors).toBeGreaterThan(50);
    if (kind === 'crash') expect(fired.lostNames).toBeGreaterThan(10);
  });
});

describe('a failed operation', () => {
  it.each(['write', 'datasync', 'rename', 'syncDirectory', 'unlink', 'open'] as const)(
    '%s stops the log for good, and what was acknowledged survives a power loss',
    async (operation) => {
      let failed = 0;
      for (let seed = 0; seed < 60; seed++) {
        const disk = new SimDisk({ random: seededRandom(seed), schedule: () => undefined });
        const random = seededRandom(seed + 1000);
        const life = new Life(random, emptyState);
        // Opening alone makes some of these calls: only a later one fails.
        new Life(seededRandom(0), emptyState).run(disk, 0);
        disk.kill();
        const strike = 1 + random.nextInt(30);
        let count = 0;
        const { files } = disk;
        const original = files[operation] as (...args: unknown[]) => unknown;
        Object.assign(files, {
          [operation]: (...args: unknown[]) => {
            if (++count === strike) disk.failNext(operation, 'EIO');
            return original(...args);
          },
        });
        try {
          life.run(disk, 80);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_STORAGE' });
        }
        Object.assign(files, { [operation]: original });
        if (disk.counters.scriptedErrors > 0 && (life.log?.errors.length ?? 0) > 0) {
          failed++;
          await expectStopped(life.log as LogUnderTest, disk);
        }
        disk[seed % 2 === 0 ? 'crash' : 'kill']();
        const again = new LogUnderTest(disk.files, '/log');
        expectPrefix(again.loaded, life.submitted, life.promised, life.released);
        disk.crash();
        expectSameLog(new LogUnderTest(disk.files, '/log').loaded, again.loaded);
      }
      expect(failed).toBeGreaterThan(operation === 'open' ? 0 : 3);
    },
  );
});

/** Every answer is ERR_STORAGE, nothing more is accepted and the disk is not touched again. */
async function expectStopped(log: LogUnderTest, disk: SimDisk): Promise<void> {
  for (const error of log.errors) expect(error).toMatchObject({ code: 'ERR_STORAGE' });
  const { calls } = disk.counters;
  const before = log.errors.length;
  log.append({ entries: [entry(1)] });
  log.wal.release({ index: 1, term: 1 });
  log.time.run();
  expect(disk.counters.calls).toBe(calls);
  await Promise.resolve();
  expect(log.errors.length).toBe(before + 1);
}
