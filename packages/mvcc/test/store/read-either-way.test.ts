import { describe, expect, test } from 'vitest';
import { PoolWatch } from '../../src/store/pool-watch.js';
import { readEitherWay } from '../../src/store/read-either-way.js';
import { settle, VirtualClock } from '../machine/virtual-clock.js';

type Values = readonly (Uint8Array | undefined)[];
type Answer = (error: Error | undefined, values: Values) => void;

const clock = new VirtualClock();
const ofPool: Values = [new Uint8Array([1])];
const ofThread = new Uint8Array([2]);

/** A read that the pool does not answer by itself. */
function begin(watch: PoolWatch) {
  let byPool!: Answer;
  const begun = { read: 0, answers: [] as Values[], answer: () => byPool(undefined, ofPool) };
  const read = () => {
    begun.read++;
    return ofThread;
  };
  readEitherWay(
    (answer) => (byPool = answer),
    ['key'],
    read,
    (_, values) => begun.answers.push(values),
    { watch, clock },
  );
  return begun;
}

/** Much longer than a read waits for the pool. */
async function long(): Promise<void> {
  for (let ms = 0; ms < 100; ms++) {
    clock.advance(1);
    await settle();
  }
}

describe('a read that the pool does not answer', () => {
  test('is done by this thread where the pool is occupied', async () => {
    const read = begin(new PoolWatch(() => undefined));
    await long();
    expect(read.answers).toEqual([[ofThread]]);
    read.answer();
    expect(read).toMatchObject({ read: 1, answers: [[ofThread]] });
  });

  test('is not where the pool has begun it: the disk stands still, and would hold this thread too', async () => {
    const read = begin(new PoolWatch((done) => queueMicrotask(done)));
    await long();
    expect(read).toMatchObject({ read: 0, answers: [] });
    read.answer();
    expect(read.answers).toEqual([ofPool]);
    await long();
    expect(read.read).toBe(0);
  });

  test('is not while another one stands, though reads of a disk that stands have occupied the whole pool', async () => {
    const threads = { left: 1 };
    const watch = new PoolWatch((done) => {
      if (threads.left-- > 0) queueMicrotask(done);
    });
    const first = begin(watch);
    watch.look();
    await settle();
    const second = begin(watch);
    await long();
    expect([first.read, second.read]).toEqual([0, 0]);
    first.answer();
    await long();
    expect(second.answers).toEqual([[ofThread]]);
    second.answer();
    expect(clock.timers).toBe(0);
  });
});
