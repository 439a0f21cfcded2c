import { describe, expect, it } from 'vitest';
import { MemoryLogStorage } from '../../src/memory/memory-log-storage.js';
import { logStorageSuite } from '../../src/testing/log-storage-suite.js';

const entry = (index: number) => ({ index, term: 1, kind: 'normal' as const, data: new Uint8Array(10) });

describe('MemoryLogStorage', () => {
  logStorageSuite(async () => {
    const log = new MemoryLogStorage({ defer: setImmediate });
    return { open: () => log, crash: async () => log.crash() };
  }, it);

  it('loses in a crash what was not done, and tells nobody', () => {
    const deferred: (() => void)[] = [];
    const log = new MemoryLogStorage({ defer: (fn) => deferred.push(fn) });
    const turn = (): void => deferred.splice(0).forEach((fn) => fn());
    const done: number[] = [];
    log.load();
    log.append({ seq: 1, entries: [entry(1)], mustSync: true }, () => done.push(1));
    turn();
    log.append({ seq: 2, entries: [entry(2)], mustSync: true }, () => done.push(2));
    expect(log.backlogBytes).toBe(10);
    log.crash();
    expect(log.load().entries).toEqual([entry(1)]);
    expect(log.backlogBytes).toBe(0);
    // The turn that the dead life had asked for takes nothing of the new one.
    log.append({ seq: 3, entries: [entry(2)], mustSync: true }, () => done.push(3));
    deferred.splice(0, 1).forEach((fn) => fn());
    expect(done).toEqual([1]);
    turn();
    expect(done).toEqual([1, 3]);
    expect(log.syncCount).toBe(2);
  });

  it('refuses a gap, as a broken invariant of its user', () => {
    const log = new MemoryLogStorage({ defer: (fn) => fn() });
    log.load();
    expect(() => log.append({ seq: 1, entries: [entry(2)], mustSync: true }, () => undefined)).toThrow(
      /follow the log/,
    );
  });
});
