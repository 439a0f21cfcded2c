import { expect, test } from 'vitest';
import { openLevelStore } from '../../src/store/open-level-store.js';
import type { Store } from '../../src/store/store.js';
import { SpaceKeeper } from '../../src/upkeep/space-keeper.js';
import { bytes, text, tinyLimits, World, Writer } from './fixture.js';

/** A store whose disk says how much is free. */
class Member {
  readonly world = new World(3);
  free: number | Error = 1e12;
  asked = 0;
  writer!: Writer;

  async start(): Promise<this> {
    const { world } = this;
    const opening = openLevelStore({
      directory: '/data',
      files: world.disk.files,
      background: {
        ...world.disk.background,
        freeBytes: (path, done) => {
          expect(path.startsWith('/data/store-')).toBe(true);
          this.asked++;
          world.schedule.add(() => (typeof this.free === 'number' ? done(undefined, this.free) : done(this.free)));
        },
      },
      ordered: world.ordered,
      defer: world.schedule.add,
      limits: tinyLimits,
    });
    const store = await world.schedule.until(opening);
    if ((this.writer as Writer | undefined) === undefined) this.writer = new Writer(store);
    else this.writer.adopt(store);
    return this;
  }

  get store(): Store {
    return this.writer.store;
  }

  async settle(): Promise<void> {
    this.store.logDurable(this.writer.index);
    await this.world.schedule.drain();
  }

  async write(count: number): Promise<void> {
    for (let more = count; more > 0; more--) {
      const at = this.writer.index;
      this.writer.apply([
        [`key-${at % 9}`, bytes(`value ${at} `.repeat(40))],
        [`key-${(at + 4) % 9}`, undefined],
      ]);
      await this.settle();
    }
  }

  get histories(): readonly string[] {
    return this.world.disk.paths.filter((path) => path.endsWith('.history'));
  }

  /** Everything a reader can see of a state, history included. */
  async seen(): Promise<unknown> {
    const { store, world } = this;
    const changes: unknown[] = [];
    for (let from = store.recovered().compactRevision; from <= this.writer.revision;) {
      from = await world.schedule.until(
        new Promise<number>((resolve, reject) => {
          store.changes(from, 1_000, (error, found, next) => {
            for (const { revision, events } of found)
              changes.push([revision, events.map(({ key, after }) => [key, text(after?.value)])]);
            if (error === undefined) resolve(next);
            else reject(error);
          });
        }),
      );
    }
    return { changes, hash: await world.schedule.until(store.contentHash()) };
  }
}

const full = [
  { what: 'no room for the history', fill: (member: Member) => (member.world.disk.capacityBytes = 1) },
  { what: 'too little room for the batch', fill: (member: Member) => (member.free = 16 * 1024 * 1024) },
];

test.each(full)('$what: the checkpoint is given up whole, and written when there is room again', async ({ fill }) => {
  const member = await new Member().start();
  await member.write(20);
  const before = member.store.recovered();
  const named = member.histories;
  expect(before.appliedIndex).toBeGreaterThan(0);
  fill(member);
  await member.write(60);
  const { store, writer, world } = member;
  expect(store.noSpace).toMatchObject({ code: 'ERR_NO_SPACE' });
  expect(store.recovered()).toBe(before);
  expect(writer.failures).toEqual([]);
  expect(store.overloaded).toBe(true);
  // A full disk is none that stands still: were all of them full, nobody could lead, read or add a member.
  expect(store.diskWait).toBeUndefined();
  // What was begun took no room that it did not give back, and what was there is there.
  expect(member.histories).toEqual(named);
  const seen = await member.seen();

  // Not by itself, and in vain while nothing has changed.
  store.retryCheckpoint();
  await member.settle();
  expect(store.noSpace).toBeDefined();
  expect(writer.failures).toEqual([]);
  world.disk.capacityBytes = Infinity;
  member.free = 1e12;
  store.retryCheckpoint();
  await member.settle();
  expect(store.noSpace).toBeUndefined();
  await member.write(1);
  await world.schedule.until(store.checkpointNow());
  expect(store.overloaded).toBe(false);
  expect(store.recovered().appliedIndex).toBe(writer.index);
  expect(writer.failures).toEqual([]);

  const after = await member.seen();
  expect(after).not.toEqual(seen);
  await world.crash();
  await member.start();
  expect(await member.seen()).toEqual(after);
});

test.each(full)('$what: a crash or a close meanwhile leaves the checkpoint before', async ({ fill }) => {
  for (const end of ['crash', 'close'] as const) {
    const member = await new Member().start();
    await member.write(20);
    const { appliedIndex } = member.store.recovered();
    fill(member);
    await member.write(60);
    if (end === 'crash') await member.world.crash();
    else await member.world.schedule.until(member.store.checkpointNow().then(() => member.store.close()));
    member.world.disk.capacityBytes = Infinity;
    member.free = 1e12;
    await member.start();
    expect(member.store.recovered().appliedIndex).toBe(appliedIndex);
    expect(member.writer.failures).toEqual([]);
  }
});

test('where the room cannot be told the checkpoint is written', async () => {
  const member = await new Member().start();
  member.free = new Error('EINVAL');
  await member.write(20);
  expect(member.asked).toBeGreaterThan(0);
  expect(member.store.recovered().appliedIndex).toBeGreaterThan(0);
});

test('any other fault of the history stops the store as before', async () => {
  const member = await new Member().start();
  await member.write(20);
  const { background } = member.world.disk;
  background.write = (_file, _bytes, _position, done) => {
    member.world.schedule.add(() => done(Object.assign(new Error('EIO'), { code: 'EIO' })));
  };
  await member.world.schedule.until(member.store.close());
  await member.start();
  await member.write(60);
  expect(member.writer.failures).toMatchObject([{ code: 'ERR_STORAGE' }]);
});

test('the upkeep tries again after 1, 2, 4 … and at most 32 looks, and tells twice', () => {
  const said: string[] = [];
  const logger = {
    debug: () => undefined,
    info: (_: object, message: string) => void said.push(`info ${message}`),
    warn: () => undefined,
    error: (_: object, message: string) => void said.push(`error ${message}`),
  };
  let look = 0;
  const tries: number[] = [];
  const machine = { noSpace: undefined as never, retryCheckpoint: () => void tries.push(look) };
  const keeper = new SpaceKeeper(machine, logger);
  keeper.look();
  expect(said).toEqual([]);
  machine.noSpace = new Error('full') as never;
  for (look = 1; look <= 130; look++) keeper.look();
  expect(tries).toEqual([1, 3, 7, 15, 31, 63, 95, 127]);
  machine.noSpace = undefined as never;
  keeper.look();
  expect(said).toMatchObject([expect.stringContaining('error the disk is full'), expect.stringContaining('info')]);
  machine.noSpace = new Error('full') as never;
  tries.length = 0;
  for (look = 1; look <= 3; look++) keeper.look();
  expect(tries).toEqual([1, 3]);
});
