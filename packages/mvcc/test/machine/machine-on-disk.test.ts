import type { CommittedEntry } from '@coterie/raft';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MvccStateMachine } from '../../src/machine.js';
import type { StoreLimits } from '../../src/store/store-limits.js';
import { aRequest } from '../command/request-arbitrary.js';
import { tinyLimits, World } from '../store/fixture.js';
import { NaiveModel } from '../../src/testing/naive-model.js';
import { LogWriter } from './log-writer.js';
import { VirtualClock } from './virtual-clock.js';

/** A machine over the real store, on a simulated disk that may lose what was not synced. */
class Member {
  readonly world: World;
  machine!: MvccStateMachine;
  readonly #limits: Partial<StoreLimits>;
  readonly failures: Error[] = [];

  constructor(seed: number, limits: Partial<StoreLimits>) {
    this.world = new World(seed);
    this.#limits = limits;
  }

  async open(): Promise<this> {
    const store = await this.world.open(this.#limits);
    const scheduler = { defer: this.world.schedule.add };
    this.machine = new MvccStateMachine({ store, clock: new VirtualClock(), scheduler });
    this.machine.attach({ checkpointed: () => undefined, failed: (error) => this.failures.push(error) });
    return this;
  }

  async apply(entry: CommittedEntry): Promise<void> {
    // As a driver does: asked again whenever something has been loaded.
    for (let asked = 0; ; asked++) {
      if (asked > 100) throw new Error(`entry ${entry.index} never becomes ready`);
      let loaded = (): void => undefined;
      const ready = new Promise<void>((resolve) => (loaded = resolve));
      if (this.machine.prepare(entry, loaded)) break;
      await this.world.schedule.until(ready);
    }
    this.machine.apply(entry);
    this.machine.logDurable(entry.index);
    for (let steps = this.world.random.nextInt(4); steps > 0; steps--) this.world.schedule.step();
  }
}

/** Less room than one entry of these needs: what one range loads must not drive another of its own entry out. */
const room = { cacheBytes: 500, prefetchBytes: 1_000 };

describe('on the store of the product', () => {
  test('crashes and reopening change nothing: the same hash as a member that never stopped, the content of a naive model', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(aRequest, { maxLength: 5 }), { minLength: 5, maxLength: 40, size: 'max' }),
        fc.nat(),
        async (groups, seed) => {
          const writer = new LogWriter();
          const model = new NaiveModel();
          for (const group of groups) {
            writer.write(...group);
            for (const request of group) model.execute(request);
          }
          const steady = await new Member(seed, { ...tinyLimits, checkpointBytes: 1 << 20, ...room }).open();
          let shaky = await new Member(seed + 1, { ...tinyLimits, checkpointBytes: 600, ...room }).open();
          for (const [at, entry] of writer.log.entries()) {
            await steady.apply(entry);
            // Hints change nothing: neither when they come true nor when the entry is replaced and never comes.
            const coming = writer.log.slice(at, at + shaky.world.random.nextInt(4));
            for (const soon of coming) shaky.machine.foresee(shaky.world.random.nextInt(8) === 0 ? { ...soon } : soon);
            await shaky.apply(entry);
            if (shaky.world.random.nextInt(6) === 0) {
              await shaky.world.crash();
              shaky = await shaky.open();
              for (const again of writer.log.slice(shaky.machine.applied().index, entry.index))
                await shaky.apply(again);
            }
            expect(shaky.machine.stateHash()).toEqual(steady.machine.stateHash());
          }
          for (const member of [steady, shaky]) {
            const range = { range: { start: '' }, limit: 0, reverse: false, keysOnly: false, countOnly: false };
            const read = await member.world.schedule.until(member.machine.range(range));
            expect(read).toEqual({ revision: model.revision, entries: model.live, more: false });
            expect(member.failures).toEqual([]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('tells whether the disk moves that it waits for, so that a leader on one that stands still can hand over', async () => {
    const { machine, world } = await new Member(1, tinyLimits).open();
    const writer = new LogWriter();
    machine.apply(writer.log[0]!);
    expect(machine.diskWait()).toBeUndefined();
    // Nothing is due in this world until it is stepped on: the disk stands still.
    for (let at = 0; !machine.overloaded; at++) {
      expect(at).toBeLessThan(1_000);
      machine.apply(writer.write({ kind: 'put', key: `key-${at}`, value: new Uint8Array(200), prev: false }));
    }
    const standing = machine.diskWait();
    expect(standing).toBeTypeOf('number');
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect(machine.diskWait()).toBe(standing);
    machine.logDurable(writer.log.length);
    await world.schedule.drain();
    expect(machine.diskWait()).toBeUndefined();
  });
});
