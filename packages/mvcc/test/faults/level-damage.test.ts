import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CoterieError } from '@coterie/errors';
import type { Random } from '@coterie/raft';
import { nodeBackgroundFiles, nodeFileSystem } from '../../src/files/node-files.js';
import { initialState } from '../../src/store/checkpoint-record.js';
import { classicOrderedStores } from '../../src/store/classic-ordered-store.js';
import { openLevelStore } from '../../src/store/open-level-store.js';
import type { Store } from '../../src/store/store.js';
import type { RevisionEvents } from '../../src/store/types.js';
import { bytes, seeded, Writer } from '../store/fixture.js';
import { NaiveModel, show, showChanges } from '../store/naive-model.js';

/** As in the crash tests: a share that another seed draws each time, or more of it. */
const rounds = process.env['COTERIE_FAULTS'] === 'all' ? 600 : 60;
const seed = Number(process.env['COTERIE_FAULTS_SEED'] ?? Date.now() % 1_000_000);

const root = mkdtempSync(join(tmpdir(), 'level-damage-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function open(directory: string, minAppliedIndex: number): Promise<Store> {
  return openLevelStore({
    directory,
    files: nodeFileSystem,
    background: nodeBackgroundFiles,
    ordered: classicOrderedStores,
    defer: setImmediate,
    limits: { checkpointBytes: 20_000, segmentBytes: 60_000, recentBytes: 10_000 },
    minAppliedIndex,
  });
}

const model = new NaiveModel(initialState.revision);
/** The log of the member reaches back to the checkpoint before the last one. */
let logBegins = 0;
/** Directories as a process left them that was killed: with batches in LevelDB's log, and with tables alone. */
const homes = { logs: join(root, 'logs'), tables: join(root, 'tables') };

async function checkpoint(writer: Writer): Promise<void> {
  const before = writer.checkpoints.length;
  for (let more = 0; writer.checkpoints.length === before && more < 5_000; more++) {
    const at = writer.index;
    const change = writer.apply([
      [`key-${at % 300}`, bytes(`value ${at} `.repeat(8))],
      [`other-${at % 40}`, at % 3 === 0 ? undefined : bytes('é')],
    ]);
    if (change !== undefined) model.take(change);
    writer.store.logDurable(writer.index);
    if (at % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(writer.failures).toEqual([]);
}

beforeAll(async () => {
  const live = join(root, 'live');
  const writer = new Writer(await open(live, 0));
  for (let more = 0; more < 5; more++) await checkpoint(writer);
  // Opened again, LevelDB makes a table of what its log has.
  await writer.store.close();
  writer.adopt(await open(live, 0));
  // More than a block of its log: LevelDB gives up what is left of a block, and goes on at the next one.
  for (let more = 0; more < 20; more++) await checkpoint(writer);
  cpSync(live, homes.logs, { recursive: true });
  await writer.store.close();
  await (await open(live, 0)).close();
  cpSync(live, homes.tables, { recursive: true });
  logBegins = writer.checkpoints.at(-2)?.appliedIndex ?? 0;
});

async function changesOf(store: Store, through: number): Promise<RevisionEvents[]> {
  const found: RevisionEvents[] = [];
  for (let from = 2; from <= through;) {
    from = await new Promise<number>((resolve, reject) => {
      store.changes(from, 100_000, (error, changes, next) => {
        found.push(...changes);
        if (error === undefined) resolve(next);
        else reject(error);
      });
    });
  }
  return found;
}

/** All that it says is right, for the state at which it stands. */
async function expectRight(store: Store): Promise<void> {
  const { revision } = store.recovered();
  const truth = model.range(revision, { start: '' });
  for (const { key, record } of truth.filter((_, at) => at % 7 === 0)) {
    expect(show([{ key, record: (await store.get(key)) ?? expect.fail(`${key} is missing`) }])).toEqual(
      show([{ key, record }]),
    );
  }
  expect(await store.get('no such key')).toBe(undefined);
  expect(await store.contentHash()).toEqual(model.hash(revision));
  const changes = await changesOf(store, revision);
  expect(showChanges(changes)).toEqual(showChanges(model.log.filter((change) => change.revision <= revision)));
}

/** @returns whether it was refused; never that something else than the truth was told */
async function noticed(from: string, damage: (directory: string) => void): Promise<boolean> {
  const directory = mkdtempSync(join(root, 'damaged-'));
  cpSync(from, directory, { recursive: true });
  damage(directory);
  let store: Store | undefined;
  try {
    store = await open(directory, logBegins);
    await expectRight(store);
    return false;
  } catch (error) {
    if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') return true;
    throw error;
  } finally {
    await store?.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function filesOf(home: string, pattern: RegExp): string[] {
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => pattern.test(name)).sort();
}

function change(path: string, how: (content: Buffer) => void): void {
  const content = readFileSync(path);
  how(content);
  writeFileSync(path, content);
}

function flip(content: Buffer, bit: number): void {
  content.writeUInt8(content.readUInt8(bit >>> 3) ^ (1 << (bit & 7)), bit >>> 3);
}

/** One damage at a time, everywhere in files of one kind. @returns how many were refused */
async function everywhere(
  home: string,
  pattern: RegExp,
  damage: (path: string, random: Random) => void,
): Promise<number> {
  const files = filesOf(home, pattern);
  expect(files.length).toBeGreaterThan(0);
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const random = seeded(seed + round);
    const file = files[random.nextInt(files.length)] as string;
    try {
      if (await noticed(home, (directory) => damage(join(directory, file), random))) refused++;
    } catch (cause) {
      throw new Error(`COTERIE_FAULTS_SEED=${seed + round}, ${file}: ${String(cause)}`, { cause });
    }
  }
  return refused;
}

const somewhere = (path: string, random: Random): void => {
  change(path, (content) => flip(content, random.nextInt(content.length * 8)));
};

test('a directory that nothing happened to is right', async () => {
  for (const home of Object.values(homes)) expect(await noticed(home, () => undefined)).toBe(false);
  expect(filesOf(homes.logs, /kv.\d+\.log$/).length).toBeGreaterThan(0);
});

describe('a wrong bit anywhere in', () => {
  test('a table is refused before anything is read', { timeout: 600_000 }, async () => {
    expect(await everywhere(homes.tables, /\.ldb$/, somewhere)).toBe(rounds);
  });

  test.each([
    ['a log of LevelDB', 'logs', /kv.\d+\.log$/],
    ['a MANIFEST', 'logs', /MANIFEST-\d+$/],
    ['CURRENT', 'tables', /CURRENT$/],
    ['a file of history', 'logs', /\.history$/],
  ] as const)('%s is refused, or what is told is right', { timeout: 600_000 }, async (_, home, pattern) => {
    expect(await everywhere(homes[home], pattern, somewhere)).toBeGreaterThan(rounds / 4);
  });
});

describe('pages that a lying disk has lost from', () => {
  const zeroed = (path: string, random: Random): void => {
    change(path, (content) => {
      const page = 4_096 * random.nextInt(Math.ceil(content.length / 4_096));
      content.fill(0, page, Math.min(content.length, page + 4_096));
    });
  };
  const cut = (path: string, random: Random): void => {
    truncateSync(path, random.nextInt(readFileSync(path).length));
  };
  test.each([
    ['a log of LevelDB', 'logs', /kv.\d+\.log$/],
    ['a MANIFEST', 'logs', /MANIFEST-\d+$/],
    ['a table', 'logs', /\.ldb$/],
    ['a file of history', 'logs', /\.history$/],
  ] as const)(
    '%s, in the middle or at the end: refused, or what is told is right',
    { timeout: 600_000 },
    async (_, home, pattern) => {
      const zeros = await everywhere(homes[home], pattern, zeroed);
      const cuts = await everywhere(homes[home], pattern, cut);
      expect(zeros + cuts).toBeGreaterThan(rounds / 4);
    },
  );
});

test('a file that is gone is refused, unless the log of the member has what it held', async () => {
  for (const home of Object.values(homes)) {
    for (const file of filesOf(home, /(\.ldb|\.log|\.history|CURRENT|MANIFEST-\d+)$/))
      await noticed(home, (directory) => rmSync(join(directory, file)));
  }
});
