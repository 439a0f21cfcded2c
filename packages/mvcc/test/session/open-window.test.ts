import { describe, expect, test } from 'vitest';
import { replicatedLimits } from '../../src/limits.js';
import { OpenWindow, type OpenCommand } from '../../src/session/open-window.js';

const command = (length: number, skipped = false): OpenCommand => ({
  bytes: new Uint8Array(length),
  call: undefined,
  skipped,
});

describe('the window of open commands', () => {
  test('holds consecutive sequences and their bytes, round and round', () => {
    const window = new OpenWindow();
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < replicatedLimits.openOperations; at++) window.push(command(2));
      expect([window.count, window.bytes]).toEqual([
        replicatedLimits.openOperations,
        2 * replicatedLimits.openOperations,
      ]);
      expect(() => window.push(command(1))).toThrow(/room/);
      while (window.count > 0) window.shift();
    }
    expect([window.lowest, window.bytes]).toEqual([3 * replicatedLimits.openOperations + 1, 0]);
    expect(() => window.at(1)).toThrow(/open/);
  });

  test('what is settled counts as sent, whatever was said when it was handed out', () => {
    const window = new OpenWindow();
    for (let at = 0; at < 3; at++) window.push(command(1));
    window.shift();
    window.shift();
    expect(window.unsent).toBe(3);
  });

  test('gives back what was given up at its end, as far as nothing of it was handed out', () => {
    const window = new OpenWindow();
    for (const skipped of [true, false, true, true]) window.push(command(3, skipped));
    window.sentBelow(2);
    window.dropSkippedTail();
    expect([window.next, window.bytes]).toEqual([3, 6]);
    window.sentBelow(3);
    window.dropSkippedTail();
    expect(window.count).toBe(2);
    window.replace(2, new Uint8Array(1));
    expect(window.bytes).toBe(4);
    expect(window.restart()).toHaveLength(2);
    expect([window.lowest, window.unsent, window.next, window.bytes]).toEqual([1, 1, 1, 0]);
  });
});
