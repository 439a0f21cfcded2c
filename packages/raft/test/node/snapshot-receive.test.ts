import { expect, test } from 'vitest';
import type { SnapshotMeta, SnapshotSink } from '../../src/index.js';
import { SnapshotTransfers } from '../../src/node/snapshot-transfers.js';

const conf = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const meta: SnapshotMeta = { index: 9, term: 2, size: 3, conf };

class Store {
  readonly done: string[] = [];
  writes: (() => void)[] = [];
  slow = false;

  receiveSnapshot(): Promise<SnapshotSink> {
    const { done } = this;
    return Promise.resolve({
      offset: 0,
      write: () => {
        done.push('write');
        return this.slow ? new Promise<void>((resolve) => this.writes.push(resolve)) : Promise.resolve();
      },
      commit: () => Promise.resolve(void done.push('commit')),
      abort: () => Promise.resolve(void done.push('abort')),
    });
  }
}

function receiver(transferMs: number): {
  readonly store: Store;
  readonly transfers: SnapshotTransfers;
  wait(ms: number): Promise<void>;
} {
  const store = new Store();
  let now = 0;
  const unused = undefined as never;
  const transfers = new SnapshotTransfers(
    {
      snapshots: Object.assign(store, { openSnapshot: () => unused, installSnapshot: () => unused }),
      transport: unused,
      observer: () => undefined,
      clock: { now: () => now, setInterval: () => 0, clearInterval: () => undefined },
      holds: unused,
      sent: () => undefined,
      received: () => Promise.resolve(true),
    },
    transferMs,
  );
  const wait = async (ms: number): Promise<void> => {
    now += ms;
    transfers.sweep();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { store, transfers, wait };
}

test('a snapshot whose sender falls silent makes room for another one', async () => {
  const { store, transfers, wait } = receiver(600_000);
  const first = await transfers.receive(2, meta);
  await first.write(new Uint8Array(1));
  await wait(9_000);
  await expect(transfers.receive(3, meta)).rejects.toThrow('another snapshot');
  await wait(2_000);
  expect(store.done).toEqual(['write', 'abort']);
  const second = await transfers.receive(3, meta);
  // What the first sender still says is not for the second one's sink.
  await expect(first.write(new Uint8Array(1))).rejects.toThrow('given up');
  await expect(first.commit()).rejects.toThrow('given up');
  await first.abort();
  await second.commit();
  expect(store.done).toEqual(['write', 'abort', 'commit']);
});

test('one whose own disk takes long is not silent, and a short limit of transfers counts here too', async () => {
  const { store, transfers, wait } = receiver(500);
  const sink = await transfers.receive(2, meta);
  store.slow = true;
  const writing = sink.write(new Uint8Array(1));
  await wait(60_000);
  expect(store.done).toEqual(['write']);
  store.writes[0]!();
  await writing;
  await wait(400);
  expect(store.done).toEqual(['write']);
  await wait(200);
  expect(store.done).toEqual(['write', 'abort']);
});
