import { describe, expect, it } from 'vitest';
import { VirtualTime } from '../../src/testing/index.js';

function process(dead: () => boolean = () => false) {
  const time = new VirtualTime();
  const run = (ms: number): void => {
    const until = time.now + ms;
    while (time.step(until));
  };
  return { time, run, own: time.process(dead) };
}

describe('the time of one simulated process', () => {
  it('runs at its own rate, with its timers', () => {
    const { own, run } = process();
    const fired: number[] = [];
    own.setRate(2);
    own.clock.setInterval(() => fired.push(own.now), 10);
    run(10);
    expect(own.now).toBe(20);
    expect(fired).toEqual([10, 20]);
  });

  it.each([
    ['leap', 100, 110],
    ['stand', 0, 10],
  ] as const)('stands still and then does what is due, once; the clock may %s', (kind, atResume, later) => {
    const { own, run } = process();
    const done: string[] = [];
    own.clock.setInterval(() => done.push(`tick ${own.now}`), 30);
    own.pause(kind);
    own.turns.defer(() => done.push('turn'));
    run(100);
    expect(done).toEqual([]);
    own.resume();
    run(0);
    expect(done).toEqual(['turn', `tick ${atResume}`]);
    run(10);
    expect(own.now).toBe(later);
  });

  it('does nothing any more once dead, not even what waited', () => {
    let dead = false;
    const { own, run } = process(() => dead);
    let ran = 0;
    own.pause('leap');
    own.run(() => ran++);
    own.resume();
    dead = true;
    run(10);
    own.run(() => ran++);
    expect(ran).toBe(0);
  });
});
