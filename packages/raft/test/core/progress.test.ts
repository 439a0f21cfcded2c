import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Inflights } from '../../src/core/inflights.js';
import { Progress } from '../../src/core/progress.js';
import { testConfig } from './scripted-cluster.js';

describe('the window in flight', () => {
  test('is full by messages, and frees what has arrived', () => {
    const window = new Inflights(3, 1000);
    for (const last of [1, 2, 3]) window.add(last, 10);
    expect(window.full).toBe(true);
    expect(() => {
      window.add(4, 10);
    }).toThrow(/invariant/);
    window.freeUpTo(0);
    expect(window.count).toBe(3);
    window.freeUpTo(2);
    expect([window.count, window.bytes, window.full]).toEqual([1, 10, false]);
    window.freeUpTo(99);
    expect([window.count, window.bytes]).toEqual([0, 0]);
  });

  test('is full by bytes once they are reached, so that one message of any size fits', () => {
    const window = new Inflights(100, 50);
    window.add(1, 5000);
    expect(window.full).toBe(true);
    window.reset();
    expect([window.full, window.bytes]).toEqual([false, 0]);
  });

  test('is a queue, whatever is added and freed in whatever order', () => {
    const step = fc.oneof(fc.record({ add: fc.nat(20) }), fc.record({ free: fc.nat(100) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const window = new Inflights(37, 200);
        let model: { last: number; bytes: number }[] = [];
        let last = 0;
        for (const each of steps) {
          if ('add' in each) {
            if (window.full) continue;
            window.add(++last, each.add);
            model.push({ last, bytes: each.add });
          } else {
            window.freeUpTo(each.free);
            model = model.filter((message) => message.last > each.free);
          }
          const sum = model.reduce((total, message) => total + message.bytes, 0);
          expect([window.count, window.bytes]).toEqual([model.length, sum]);
          expect(window.full).toBe(model.length >= 37 || sum >= 200);
        }
      }),
    );
  });
});

describe('progress', () => {
  function progressAt(state: 'probe' | 'replicate', match: number, next: number): Progress {
    const progress = new Progress(2, { ...testConfig, maxInflightMessages: 2 });
    progress.reset(match, next);
    if (state === 'replicate') {
      progress.becomeReplicate();
      progress.next = next;
    }
    return progress;
  }

  test('a probe waits for its answer, an empty one does not', () => {
    const progress = progressAt('probe', 0, 5);
    progress.sent(0, 0, 3);
    expect(progress.paused).toBe(false);
    progress.sent(2, 10, 3);
    expect([progress.paused, progress.next]).toEqual([true, 5]);
    progress.resume();
    expect(progress.paused).toBe(false);
  });

  test('replication runs ahead until the window is full, and goes on with the first answer', () => {
    const progress = progressAt('replicate', 4, 5);
    progress.sent(3, 10, 4);
    expect([progress.next, progress.paused]).toEqual([8, false]);
    progress.sent(1, 10, 4);
    expect([progress.next, progress.paused]).toEqual([9, true]);
    expect(progress.maybeUpdate(7)).toBe(true);
    expect(progress.paused).toBe(false);
  });

  test('news only moves match forward, and next stays ahead of it', () => {
    const progress = progressAt('replicate', 4, 5);
    expect(progress.maybeUpdate(4)).toBe(false);
    expect(progress.maybeUpdate(9)).toBe(true);
    expect([progress.match, progress.next]).toEqual([9, 10]);
  });

  test('a late refusal never moves next to or below match', () => {
    const progress = progressAt('replicate', 5, 9);
    expect(progress.maybeDecrease(5, 5)).toBe(false);
    expect(progress.maybeDecrease(4, 0)).toBe(false);
    expect(progress.maybeDecrease(8, 2)).toBe(true);
    expect(progress.next).toBe(6);
  });

  test('a refused probe goes back to the hint, and only the answer to the last probe counts', () => {
    const progress = progressAt('probe', 2, 9);
    expect(progress.maybeDecrease(7, 3)).toBe(false);
    expect(progress.maybeDecrease(8, 5)).toBe(true);
    expect(progress.next).toBe(6);
    expect(progress.maybeDecrease(5, 0)).toBe(true);
    expect(progress.next).toBe(3);
  });

  test('after a snapshot it probes behind it, after a failed one behind match', () => {
    const progress = progressAt('probe', 1, 2);
    progress.becomeSnapshot(10);
    expect([progress.paused, progress.next]).toEqual([true, 11]);
    progress.becomeProbe();
    expect([progress.paused, progress.next, progress.pendingSnapshot]).toEqual([false, 11, 0]);
    progress.becomeSnapshot(20);
    progress.pendingSnapshot = 0;
    progress.becomeProbe();
    expect(progress.next).toBe(2);
  });

  test('a commit index is told once for what was sent', () => {
    const progress = progressAt('replicate', 5, 6);
    progress.sent(3, 1, 5);
    expect(progress.canBumpCommit(5)).toBe(false);
    expect(progress.canBumpCommit(7)).toBe(true);
    progress.sent(0, 0, 8);
    expect(progress.canBumpCommit(9)).toBe(false);
    // What carried it may be lost once the member is probed again.
    progress.becomeProbe();
    progress.becomeReplicate();
    expect(progress.maybeUpdate(8)).toBe(true);
    expect(progress.canBumpCommit(8)).toBe(true);
  });

  test('a new term knows nothing', () => {
    const progress = progressAt('replicate', 5, 6);
    progress.recentActive = true;
    progress.vote = 1;
    progress.readAck = 9;
    progress.sent(1, 1, 5);
    progress.reset(0, 7);
    expect(progress.status()).toMatchObject({
      state: 'probe',
      match: 0,
      next: 7,
      recentActive: false,
      paused: false,
      inflightMessages: 0,
    });
    expect([progress.vote, progress.readAck]).toEqual([0, 0]);
  });
});
