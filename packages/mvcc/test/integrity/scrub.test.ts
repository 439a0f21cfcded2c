import { expect, test } from 'vitest';
import { ContentSum } from '../../src/store/content-sum.js';
import { Scrub, type ScrubStep } from '../../src/integrity/scrub.js';
import { World, Writer, bytes, seeded } from '../store/fixture.js';

const corrupt = { code: 'ERR_CORRUPT' };

/** A store that is written to, the sum that apply keeps of it, and a scrub of it. */
class Scrubbed {
  readonly world: World;
  readonly writer: Writer;
  content = new ContentSum();
  readonly scrub: Scrub;

  constructor(world: World, writer: Writer) {
    this.world = world;
    this.writer = writer;
    this.scrub = new Scrub({
      store: { view: () => writer.store.view(), changes: (...given) => writer.store.changes(...given) },
      content: () => this.content,
      revision: () => writer.revision,
      compactRevision: () => writer.compactRevision,
    });
  }

  static async make(seed = 1): Promise<Scrubbed> {
    const world = new World(seed);
    return new Scrubbed(world, new Writer(await world.open()));
  }

  put(key: string, value: Uint8Array | undefined): void {
    const change = this.writer.apply([[key, value]]);
    this.writer.store.logDurable(this.writer.index);
    if (change === undefined) return;
    for (const event of change.events) this.content.change(event);
    this.scrub.applied(change);
  }

  step(): Promise<ScrubStep | undefined> {
    return this.world.schedule.until(this.scrub.step());
  }

  /** @returns the slices of one round, without those that did nothing */
  async round(): Promise<readonly ScrubStep[]> {
    const steps: ScrubStep[] = [];
    for (let tries = 0; tries < 2_000 && steps.at(-1)?.roundEnded !== true; tries++) {
      const step = await this.step();
      if (step !== undefined) steps.push(step);
    }
    expect(steps.at(-1)?.roundEnded).toBe(true);
    return steps;
  }

  async restart(): Promise<void> {
    await this.world.schedule.drain();
    await this.world.schedule.until(this.writer.store.close());
    this.writer.adopt(await this.world.open());
    this.scrub.restart();
  }
}

/** Big values, so that the keys take several slices. */
async function filled(): Promise<Scrubbed> {
  const scrubbed = await Scrubbed.make();
  for (let at = 0; at < 60; at++) {
    scrubbed.put(`key-${String(at % 40).padStart(2, '0')}`, bytes(`${at} `.repeat(6_000)));
    await scrubbed.world.schedule.drain();
  }
  return scrubbed;
}

test('a round reads all keys and all history, in slices', async () => {
  const scrubbed = await filled();
  for (let round = 0; round < 2; round++) {
    const steps = await scrubbed.round();
    const keys = steps.filter(({ part }) => part === 'keys');
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.at(-1)).toMatchObject({ done: 40, left: 0 });
    expect(steps.filter(({ part }) => part === 'history').length).toBeGreaterThan(2);
  }
});

test('changes before, in and behind the slice that is being read do not disturb the sum', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seeded(seed);
    const scrubbed = await Scrubbed.make(seed);
    const key = (): string => `key-${String(random.nextInt(40)).padStart(2, '0')}`;
    const write = (): void =>
      scrubbed.put(key(), random.nextInt(4) === 0 ? undefined : bytes('v'.repeat(random.nextInt(30_000))));
    for (let at = 0; at < 60; at++) write();
    for (let ended = 0, tries = 0; ended < 2 && tries < 2_000; tries++) {
      const step = scrubbed.scrub.step();
      for (let more = random.nextInt(4); more > 0; more--) {
        scrubbed.world.schedule.step();
        write();
      }
      if ((await scrubbed.world.schedule.until(step))?.roundEnded === true) ended++;
    }
  }
});

test('a record that is gone from the disk, its checksum with it, shows in the sum', async () => {
  const scrubbed = await filled();
  await scrubbed.restart();
  await scrubbed.round();
  const { world } = scrubbed;
  await world.schedule.until(scrubbed.writer.store.close());
  const store = await world.ordered.open('/data/store-1/kv');
  const batch = store.batch();
  batch.delete('kkey-20');
  await world.schedule.until(new Promise<unknown>((done) => batch.write({ sync: true }, done)));
  await world.schedule.until(new Promise<unknown>((done) => store.close(done)));
  scrubbed.writer.adopt(await world.open());
  await expect(scrubbed.round()).rejects.toMatchObject(corrupt);
});

test('an older record in the place of the newest shows in the sum', async () => {
  const scrubbed = await filled();
  const { world, writer } = scrubbed;
  await scrubbed.restart();
  await world.schedule.until(writer.store.close());
  const store = await world.ordered.open('/data/store-1/kv');
  const old = store.getSync('kkey-20', undefined)!;
  await world.schedule.until(new Promise<unknown>((done) => store.close(done)));
  writer.adopt(await world.open());
  scrubbed.put('key-20', bytes('newer'));
  for (let at = 0; at < 3; at++) {
    scrubbed.put('key-21', bytes(`${at}`.repeat(9_000)));
    await world.schedule.drain();
  }
  await scrubbed.restart();
  await scrubbed.round();
  await world.schedule.until(writer.store.close());
  const again = await world.ordered.open('/data/store-1/kv');
  const batch = again.batch();
  batch.put('kkey-20', old);
  await world.schedule.until(new Promise<unknown>((done) => batch.write({ sync: true }, done)));
  await world.schedule.until(new Promise<unknown>((done) => again.close(done)));
  writer.adopt(await world.open());
  await expect(scrubbed.round()).rejects.toMatchObject(corrupt);
});

test('damage at rest in a record or in the history ends the round with an error', async () => {
  const scrubbed = await filled();
  const { world } = scrubbed;
  await scrubbed.restart();
  await scrubbed.round();
  world.ordered.flipBit('/data/store-1/kv', 'kkey-33', 999);
  await scrubbed.restart();
  await expect(scrubbed.round()).rejects.toMatchObject(corrupt);
  world.ordered.flipBit('/data/store-1/kv', 'kkey-33', 999);
  const history = world.disk.files.readdir('/data/store-1').filter((name) => name.endsWith('.history'));
  world.disk.flipBit(`/data/store-1/${history[0] ?? ''}`, 5_000);
  await scrubbed.restart();
  await expect(scrubbed.round()).rejects.toMatchObject(corrupt);
});
