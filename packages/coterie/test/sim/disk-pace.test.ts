import { VirtualTime } from '@coterie/raft/testing';
import { describe, expect, it } from 'vitest';
import { DiskPace } from '../../src/testing/disk-pace.js';

function begun(slowness: number, ms: number): { time: VirtualTime; pace: DiskPace; ends: number[] } {
  const time = new VirtualTime();
  const pace = new DiskPace(time);
  const ends: number[] = [];
  pace.slowness = slowness;
  pace.schedule(ms, () => ends.push(time.now));
  return { time, pace, ends };
}

function runOut(time: VirtualTime): void {
  while (time.step());
}

describe('the pace of a disk', () => {
  it('ends what is on its way sooner when the disk is mended, and only once', () => {
    const { time, pace, ends } = begun(1000, 5000);
    time.step(1000);
    pace.slowness = 1;
    runOut(time);
    expect(ends).toEqual([1004]);
  });

  it('keeps the order of what is on its way', () => {
    const { time, pace } = begun(1000, 5000);
    const order: string[] = [];
    pace.schedule(3000, () => order.push('short'));
    pace.schedule(4000, () => order.push('long'));
    pace.slowness = 10;
    pace.slowness = 1;
    runOut(time);
    expect(order).toEqual(['short', 'long']);
  });

  it('leaves what is on its way alone when the disk slows down', () => {
    const { time, pace, ends } = begun(1, 10);
    pace.slowness = 1000;
    runOut(time);
    expect(ends).toEqual([10]);
  });
});
