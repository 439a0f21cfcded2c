import { describe, expect, it } from 'vitest';
import type { AppendBatch } from '@coterie/raft';
import { batchBytes, encodeBatch } from '../../src/wal/payloads.js';
import { createRing, RingConsumer, RingProducer } from '../../src/wal/ring.js';
import { seededRandom } from '../files/virtual-time.js';
import { entry } from './log-under-test.js';

const batchOf = (index: number, bytes: number, mustSync = true): AppendBatch => ({
  seq: index,
  entries: [entry(index, 1, bytes)],
  mustSync,
});

function encoded(batch: AppendBatch): Uint8Array {
  const bytes = new Uint8Array(batchBytes(batch));
  encodeBatch(batch, 0, bytes, new DataView(bytes.buffer));
  return bytes;
}

function newRing(bytes: number): {
  producer: RingProducer;
  consumer: RingConsumer;
  put: (batch: AppendBatch) => boolean;
} {
  const shared = createRing(bytes);
  const blocks: SharedArrayBuffer[] = [];
  const producer = new RingProducer(shared, (block) => blocks.push(block));
  const consumer = new RingConsumer(shared, () => blocks.shift() as SharedArrayBuffer);
  const put = (batch: AppendBatch): boolean => {
    const room = producer.reserve(batchBytes(batch));
    if (room === undefined) return false;
    encodeBatch(batch, 0, room.bytes, room.view);
    producer.publish(true);
    return true;
  };
  return { producer, consumer, put };
}

/** Everything but the bytes that only the writer fills in. */
function unsealed(bytes: Uint8Array): Uint8Array {
  return bytes.slice().fill(0, 8, 24);
}

describe('the ring', () => {
  it('hands over what was put in, in order, over its end and beside it, never more than fits', () => {
    const random = seededRandom(11);
    const { consumer, put } = newRing(1024);
    const waiting: Uint8Array[] = [];
    const counters = { full: 0, wrapped: 0, blocks: 0 };
    for (let i = 1; i <= 5000; i++) {
      const batch = batchOf(i, random.nextInt(8) === 0 ? 300 + random.nextInt(1000) : random.nextInt(180), false);
      if (put(batch)) waiting.push(encoded(batch));
      else counters.full++;
      if (random.nextInt(3) > 0) continue;
      const group = consumer.take();
      if (group === undefined) {
        expect(waiting).toEqual([]);
        continue;
      }
      expect(group.batches).toBe(waiting.length);
      if (group.regions.length > 1) counters.wrapped++;
      if (group.regions.some(({ length }) => length > 256)) counters.blocks++;
      const found = Buffer.concat(group.regions);
      let at = 0;
      for (const bytes of waiting) {
        expect(Buffer.compare(unsealed(found.subarray(at, at + bytes.length)), unsealed(bytes))).toBe(0);
        at += bytes.length;
      }
      expect(at).toBe(found.length);
      waiting.length = 0;
      consumer.written(group);
    }
    for (const count of Object.values(counters)) expect(count).toBeGreaterThan(50);
  });

  it('keeps its room until it is written, not until it is taken', () => {
    const { consumer, put } = newRing(1024);
    let count = 0;
    while (put(batchOf(++count, 40)));
    const group = consumer.take();
    expect(put(batchOf(count, 40))).toBe(false);
    consumer.written(group as NonNullable<typeof group>);
    expect(put(batchOf(count, 40))).toBe(true);
  });

  it('asks for a sync when one batch of a group does', () => {
    const { consumer, put } = newRing(1024);
    put(batchOf(1, 10, false));
    expect(consumer.take()?.mustSync).toBe(false);
    put(batchOf(2, 10, false));
    put(batchOf(3, 10, true));
    put(batchOf(4, 10, false));
    expect(consumer.take()).toMatchObject({ mustSync: true, batches: 3 });
  });

  it('wakes the other side, and tells news that came before the wait', async () => {
    const { producer, consumer, put } = newRing(1024);
    const early = producer.seen();
    const before = consumer.seen();
    put(batchOf(1, 10));
    expect(consumer.seen()).not.toBe(before);
    consumer.wait(before, Infinity); // returns at once
    const group = consumer.take();
    consumer.completed(group as NonNullable<typeof group>, 7);
    expect(producer.changed(early)).toBeUndefined();
    expect([producer.completed, producer.syncCount]).toEqual([1, 7]);
    const late = producer.changed(producer.seen());
    expect(late).toBeInstanceOf(Promise);
    producer.stopWaiting();
    await late;
  });
});
