import { describe, expect, it } from 'vitest';
import { encodeOpenSession, encodeSkip, encodeTouch, encodeWrite } from '../../src/command/encode.js';
import { replicatedLimits } from '../../src/limits.js';
import { TakenCommands } from '../../src/session/taken-commands.js';

const session = 7;
const put = (sequence: number, of = session) =>
  encodeWrite(of, sequence, 1, { kind: 'put', key: 'k', value: Buffer.from('v'), prev: false });

/** Which of these sequences are taken. */
const takenOf = (taken: TakenCommands, sequences: readonly number[]) =>
  sequences.filter((sequence) => taken.take(put(sequence)));

describe('the commands that a leader has taken', () => {
  it('passes over what is sent again, and takes what is new behind it', () => {
    const taken = new TakenCommands();
    expect(takenOf(taken, [1, 2, 3])).toEqual([1, 2, 3]);
    expect(takenOf(taken, [1, 2, 3, 4, 3, 5])).toEqual([4, 5]);
  });

  it('takes what was lost before a run, and then all of the run again', () => {
    const taken = new TakenCommands();
    expect(takenOf(taken, [5, 6])).toEqual([5, 6]);
    expect(takenOf(taken, [3, 4, 5, 6, 7])).toEqual([3, 4, 5, 6, 7]);
    expect(takenOf(taken, [3, 7])).toEqual([]);
  });

  it('takes what follows upon a gap, and what filled the gap', () => {
    const taken = new TakenCommands();
    expect(takenOf(taken, [1, 2, 4, 5])).toEqual([1, 2, 4, 5]);
    // 4 and 5 are refused without 3, so that all of them must go once more.
    expect(takenOf(taken, [3, 4, 5])).toEqual([3, 4, 5]);
  });

  it('keeps sessions apart', () => {
    const taken = new TakenCommands();
    expect(taken.take(put(1, 7))).toBe(true);
    expect(taken.take(put(1, 8))).toBe(true);
    expect(taken.take(put(1, 7))).toBe(false);
    expect(taken.take(encodeSkip(8, 1, 1))).toBe(false);
    // Ids beyond 32 bits, which differ in the high part alone.
    expect(taken.take(put(1, 2 ** 40 + 7))).toBe(true);
    expect(taken.take(put(2 ** 40 + 1, 7))).toBe(true);
  });

  it('forgets a session that apply has put off or ended, and all of them with the term', () => {
    const taken = new TakenCommands();
    takenOf(taken, [1, 2]);
    taken.gap(session);
    expect(takenOf(taken, [1, 2])).toEqual([1, 2]);
    taken.ended(session);
    expect(takenOf(taken, [2])).toEqual([2]);
    taken.forget();
    expect(takenOf(taken, [2])).toEqual([2]);
  });

  it('takes every command without a place in a session, and bytes that are none', () => {
    const taken = new TakenCommands();
    const others = [
      encodeOpenSession('0123456789abcdef'),
      encodeTouch(session, 1),
      new Uint8Array(),
      put(1).subarray(0, 19),
    ];
    for (const command of [...others, ...others]) expect(taken.take(command)).toBe(true);
    const unknown = put(1);
    unknown[0] = 2;
    expect([taken.take(unknown), taken.take(unknown)]).toEqual([true, true]);
  });

  it('remembers no more sessions than may live', () => {
    const taken = new TakenCommands();
    for (let id = 1; id <= replicatedLimits.sessions; id++) taken.take(put(1, id));
    expect(taken.take(put(1, 1))).toBe(false);
    taken.take(put(1, replicatedLimits.sessions + 1));
    expect(taken.take(put(1, 1))).toBe(true);
  });
});
