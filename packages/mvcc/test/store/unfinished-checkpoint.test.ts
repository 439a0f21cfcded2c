import { describe, expect, test } from 'vitest';
import { initialState } from '../../src/store/checkpoint-record.js';
import type { StoreLimits } from '../../src/store/store-limits.js';
import { unfinishedKey } from '../../src/store/stored-keys.js';
import { World, Writer, bytes, tinyLimits } from './fixture.js';
import { NaiveModel } from './naive-model.js';

const place = '/data/store-1';
const before = 12;
const during = 14;
/** Each checkpoint takes several batches of these, or one only. */
const inSteps: Partial<StoreLimits> = { ...tinyLimits, checkpointBytes: 8_000, checkpointBatchBytes: 400 };
const atOnce: Partial<StoreLimits> = { ...tinyLimits, checkpointBatchBytes: 1_000_000 };

function entry(at: number): [string, Uint8Array | undefined][] {
  return [
    [`key-${at % 7}`, bytes(`value ${at} `.repeat(20))],
    [`other-${at % 5}`, bytes(String(at))],
    [`once-${at}`, at % 3 === 0 ? bytes('stays') : undefined],
    [`key-${(at + 3) % 7}`, undefined],
  ];
}

/** A life of a store up to where a checkpoint is due, and what its keys and revisions should be. */
class Life {
  readonly model = new NaiveModel(initialState.revision);
  writer!: Writer;

  constructor(
    readonly world: World,
    readonly limits: Partial<StoreLimits>,
  ) {}

  static async begin(seed: number, limits: Partial<StoreLimits>): Promise<Life> {
    const life = new Life(new World(seed), limits);
    life.writer = new Writer(await life.world.open(limits));
    life.write(0, before);
    await life.world.schedule.until(life.writer.store.checkpointNow());
    expect(life.writer.checkpoints.length).toBeGreaterThan(0);
    return life;
  }

  write(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const change = this.writer.apply(entry(at));
      if (change !== undefined) this.model.take(change);
    }
    this.writer.store.logDurable(this.writer.index);
  }

  get files(): string[] {
    return this.world.disk.files
      .readdir(place)
      .filter((name) => name.endsWith('.history'))
      .sort();
  }

  get unfinished(): boolean {
    return [...this.world.ordered.records()].some(({ key }) => key === unfinishedKey);
  }

  /** One completion, and what follows from it. @returns false when there is none */
  async step(): Promise<boolean> {
    const more = this.world.schedule.step();
    for (let turn = 0; turn < 40; turn++) await Promise.resolve();
    return more;
  }

  /** Goes on until a power cut would leave a part of a checkpoint. */
  async cutShort(steps: number): Promise<boolean> {
    for (let at = 0; at < steps; at++) if (!(await this.step())) return false;
    await this.world.crash();
    return this.unfinished;
  }

  /** Opens, and holds the state found against the model. @returns the applied index found */
  async check(): Promise<number> {
    const store = await this.world.open(this.limits);
    const state = store.recovered();
    const found = await this.world.schedule.until(store.contentHash());
    expect(found).toEqual(this.model.hash(state.revision));
    this.writer.adopt(store);
    return state.appliedIndex;
  }
}

/** Every step of a checkpoint after which a power cut leaves a part of it. */
async function eachPart(seed: number, visit: (life: Life, step: number) => Promise<void>): Promise<number> {
  let parts = 0;
  for (let steps = 1; ; steps++) {
    const life = await Life.begin(seed, inSteps);
    life.write(before, before + during);
    const idle = life.world.schedule.size === 0;
    const part = await life.cutShort(steps);
    if (part) {
      parts++;
      await visit(life, steps);
    } else if (parts > 0 || idle || steps > 400) {
      return parts;
    }
  }
}

describe('a checkpoint of several batches', () => {
  test('that a power cut leaves in part is completed at the next start', async () => {
    const parts = await eachPart(1, async (life) => {
      const [last] = life.writer.checkpoints.slice(-1);
      expect(await life.check()).toBeGreaterThan(last!.appliedIndex);
      expect(life.unfinished).toBe(false);
      const revision = life.writer.revision;
      life.write(life.writer.index, before + during + 20);
      await life.world.schedule.drain();
      expect(life.writer.revision).toBeGreaterThan(revision);
      expect(life.writer.failures).toEqual([]);
      await life.world.crash();
      await life.check();
    });
    expect(parts).toBeGreaterThan(3);
  });

  test('is completed however often the power goes while it is', async () => {
    let again = 0;
    await eachPart(2, async (life) => {
      for (let steps = 1; life.unfinished && steps < 60; steps += 3) {
        const opening = life.world.open(life.limits).catch(() => undefined);
        for (let at = 0; at < steps; at++) await life.step();
        await life.world.crash();
        void opening;
        again++;
      }
      await life.check();
    });
    expect(again).toBeGreaterThan(10);
  });

  test('is completed when all that it holds is compacted by itself', async () => {
    let compacted = 0;
    for (let steps = 1; steps < 80; steps++) {
      // No other checkpoint than that of the compaction.
      const life = await Life.begin(3, { ...inSteps, checkpointBytes: 100_000 });
      life.write(before, before + during);
      life.writer.compact(life.writer.revision);
      life.writer.store.logDurable(life.writer.index);
      const gone = life.writer.store.deleteCompacted(life.writer.compactRevision).catch(() => undefined);
      const part = await life.cutShort(steps);
      void gone;
      if (!part) continue;
      compacted++;
      const [last] = life.writer.checkpoints.slice(-1);
      expect(await life.check()).toBeGreaterThan(last!.appliedIndex);
      expect(life.writer.compactRevision).toBe(life.writer.revision);
    }
    expect(compacted).toBeGreaterThan(3);
  });

  test('is refused where its history is damaged', async () => {
    let refused = 0;
    await eachPart(4, async (life, step) => {
      if (step % 3 !== 0) return;
      const [newest] = life.files.slice(-1);
      life.world.disk.flipBit(`${place}/${newest!}`, 8 * 40);
      await expect(life.world.open(life.limits)).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
      refused++;
    });
    expect(refused).toBeGreaterThan(0);
  });

  test('leaves as few files as a checkpoint of one batch', async () => {
    const files: string[][] = [];
    for (const limits of [inSteps, atOnce]) {
      const life = await Life.begin(5, limits);
      life.write(before, before + during);
      await life.world.schedule.drain();
      life.writer.compact(life.writer.revision - 5);
      life.writer.store.logDurable(life.writer.index);
      await life.world.schedule.until(life.writer.store.deleteCompacted(life.writer.compactRevision));
      await life.world.schedule.drain();
      expect(life.unfinished).toBe(false);
      await life.world.crash();
      await life.check();
      files.push(life.files);
    }
    expect(files[0]!.length).toBe(files[1]!.length);
  });
});
