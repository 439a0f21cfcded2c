import { describe, it } from 'vitest';
import { MemoryLogStorage, type Entry, type LogStorage } from '../../src/index.js';
import { logStorageSuite } from '../../src/testing/index.js';
import { changed, rejects, type Broken } from './broken.js';

type Done = (error?: Error) => void;

const broken = new Error('the disk is broken');

/** Logs in memory whose disk can break, each with changes of its own. */
function suiteOf(change: (log: MemoryLogStorage) => Partial<LogStorage> = () => ({}), register?: typeof it) {
  return logStorageSuite(async () => {
    const log = new MemoryLogStorage({ defer: setImmediate });
    let isBroken = false;
    const changes = change(log);
    const append = changes.append ?? ((batch, done) => log.append(batch, done));
    const breakable = changed<LogStorage>(log, {
      ...changes,
      append: (batch, done) => {
        if (isBroken && changes.append === undefined) setImmediate(done, broken);
        else append(batch, done);
      },
    });
    return { open: () => breakable, crash: async () => log.crash(), breakDisk: () => (isBroken = true) };
  }, register);
}

const inOrder = 'what is done is there after a restart, in order';

const table: Broken[] = [
  {
    breaks: 'says done before it is durable',
    test: 'a crash loses nothing that was done',
    suite: () =>
      suiteOf((log) => ({
        append(batch, done) {
          setImmediate(done);
          // By then the process may be gone; an append to a closed log does nothing.
          setTimeout(() => log.append(batch, () => undefined), 5);
        },
      })),
  },
  {
    breaks: 'says done twice',
    test: 'empty batches are answered in their turn',
    suite: () =>
      suiteOf((log) => ({
        append: (batch, done) =>
          log.append(batch, (error) => {
            done(error);
            done(error);
          }),
      })),
  },
  {
    breaks: 'says done from inside append',
    test: inOrder,
    suite: () =>
      suiteOf((log) => ({
        append(batch, done) {
          log.append(batch, () => undefined);
          done();
        },
      })),
  },
  {
    breaks: 'says done in another order',
    test: inOrder,
    suite: () =>
      suiteOf((log) => {
        const waiting: (() => void)[] = [];
        const later = (done: Done) => (error?: Error) => {
          waiting.push(() => done(error));
          setImmediate(() => waiting.pop()?.());
        };
        return { append: (batch, done) => log.append(batch, later(done)) };
      }),
  },
  {
    breaks: 'loses the last entry in a restart',
    test: inOrder,
    suite: () =>
      suiteOf((log) => ({
        load() {
          const loaded = log.load();
          return { ...loaded, entries: loaded.entries.slice(0, -1) };
        },
      })),
  },
  {
    breaks: 'keeps what was behind a replaced entry',
    test: 'a later entry replaces its index and everything behind it',
    suite: () =>
      suiteOf((log) => {
        const all = new Map<number, Entry>();
        return {
          append(batch, done) {
            for (const entry of batch.entries) all.set(entry.index, entry);
            log.append(batch, done);
          },
          load() {
            const loaded = log.load();
            return { ...loaded, entries: [...all.values()].sort((a, b) => a.index - b.index) };
          },
        };
      }),
  },
  {
    breaks: 'loses the vote with what was released',
    test: 'term and vote outlive the release of what was written after them',
    suite: () =>
      suiteOf((log) => {
        let gone = false;
        return {
          release(through) {
            gone = true;
            log.release(through);
          },
          load() {
            const loaded = log.load();
            return gone ? { ...loaded, hardState: { term: 0, vote: 0, commit: loaded.hardState.commit } } : loaded;
          },
        };
      }),
  },
  {
    breaks: 'forgets the configuration of a mark',
    test: 'a snapshot mark is the new start, before the entries of its batch',
    suite: () =>
      suiteOf((log) => ({
        load() {
          const { conf: _, ...loaded } = log.load();
          return loaded;
        },
      })),
  },
  {
    breaks: 'releases one entry too many',
    test: 'release keeps everything behind it, and the log may start later',
    suite: () => suiteOf((log) => ({ release: ({ index, term }) => log.release({ index: index + 1, term }) })),
  },
  {
    breaks: 'tries again after an error',
    test: 'after an error everything fails',
    suite: () => suiteOf((log) => ({ append: (batch, done) => log.append(batch, done) })),
  },
  {
    breaks: 'drops what was given when it closes',
    test: 'a close in the middle finishes what was given',
    suite: () =>
      suiteOf((log) => ({
        async close() {
          log.crash();
        },
      })),
  },
];

describe('broken logs', () => {
  rejects(table, suiteOf);
});

describe('a log in memory with a disk that can break', () => {
  suiteOf(undefined, it);
});
