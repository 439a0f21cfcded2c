import { InlineWalRunner } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk } from '@coterie/mvcc/testing';
import { SeededRandom } from '@coterie/raft/testing';
import { expect, test } from 'vitest';
import { PortStorage } from '../../src/data-dir/port-storage.js';

const fresh = { format: 1 as const, clusterId: 'x', name: 'b', incarnation: 'b' };
const promised = { ...fresh, uid: 7 };

// A process may die between the rename of its identity and the sync of the name. The next one reads the new identity
// and speaks of it; a power loss must not take back what was said.
test('what a start reads of an identity is durable before anybody hears of it', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const now = (_ms: number, fn: () => void): void => fn();
    const disk = new SimDisk({ random, schedule: now });
    const storage = (): PortStorage =>
      new PortStorage({
        dir: 'data',
        files: disk.files,
        background: disk.background,
        ordered: new ModelOrderedStores((fn) => fn()),
        newRunner: () => new InlineWalRunner({ fs: disk.files, schedule: now }),
        defer: (fn) => fn(),
      });
    const first = storage();
    await first.open();
    first.saveIdentity(fresh);
    disk.saboteur = (operation) =>
      operation === 'syncDirectory' ? { kind: 'stop', when: 'before', struck: () => undefined } : undefined;
    expect(() => first.saveIdentity(promised)).toThrow();
    disk.saboteur = undefined;
    disk.kill();

    const second = storage();
    expect(second.inspect()).toEqual(promised);
    await second.open();
    disk.crash();
    expect(storage().inspect()).toEqual(promised);
  }
});
