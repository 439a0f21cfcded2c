import { describe, expect, it } from 'vitest';
import { encodeOpenSession, encodeSkip, encodeTouch, encodeWrite } from '../../src/command/encode.js';
import type { Operation, WriteRequest } from '../../src/command/operation.js';
import { replicatedLimits } from '../../src/limits.js';
import { TakenCommands } from '../../src/session/taken-commands.js';
import { MemoryStore } from '../machine/memory-store.js';
import { seededRandom, settle } from '../machine/virtual-clock.js';
import { Process, WriteCluster } from './write-cluster.js';

const session = 7;
const resendMs = 1_000;
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
    taken.gap(session, 1, 1);
    expect(takenOf(taken, [1, 2])).toEqual([1, 2]);
    taken.ended(session);
    expect(takenOf(taken, [2])).toEqual([2]);
    taken.opened('0123456789abcdef', session);
    expect(takenOf(taken, [2])).toEqual([2]);
    taken.forget();
    expect(takenOf(taken, [2])).toEqual([2]);
  });

  // A lost frame lets thousands behind it be refused, one entry each. Were each to make the leader forget what was sent
  // again for the first, it would take the whole window with every resend in between.
  it('keeps what was sent again while apply refuses what came before it', () => {
    const taken = new TakenCommands();
    takenOf(taken, [1, 4, 5]);
    taken.gap(session, 2, 4);
    expect(takenOf(taken, [2, 3, 4, 5])).toEqual([2, 3, 4, 5]);
    taken.gap(session, 2, 5);
    expect(takenOf(taken, [2, 3, 4, 5, 6])).toEqual([6]);
    // Put off in its turn, by whichever copy came to it.
    taken.gap(session, 3, 3);
    expect(takenOf(taken, [3, 4])).toEqual([3, 4]);
    // What is missing is not in the run, or all of that was applied.
    taken.gap(session, 2, 3);
    expect(takenOf(taken, [3, 4])).toEqual([3, 4]);
    taken.gap(session, 5, 6);
    expect(takenOf(taken, [3, 4])).toEqual([3, 4]);
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

/** A leader with a filter, and a follower that applies at its own pace and whose frames arrive at once. */
function setUp() {
  const cluster = new WriteCluster(seededRandom(2));
  const { leader } = cluster;
  const taken = new TakenCommands();
  leader.machine.listen(taken);
  const queue: Uint8Array[] = [];
  const receive = (commands: readonly Uint8Array[]) => {
    for (const command of commands) if (taken.take(command)) queue.push(command);
  };
  const follower = new Process(cluster, new MemoryStore(), {
    random: seededRandom(1),
    resendMs,
    submit: (commands) => {
      receive(commands);
      return { ok: true };
    },
  });
  /** Commits what is queued as one entry; nobody applies it yet. */
  const commit = () => {
    const { log, clock } = cluster;
    log.push({ index: log.length + 1, term: 1, stampMs: clock.now(), wallMs: 0, commands: queue.splice(0) });
  };
  const all = async () => {
    commit();
    leader.applyAll();
    follower.applyAll();
    await settle();
  };
  return { cluster, leader, follower, queue, receive, commit, all };
}

const putOf = (key: string): Operation & WriteRequest => ({ kind: 'put', key, value: new Uint8Array(), prev: false });

/**
 * How long after the leader applied the entry that put it off until the command is in the leader's queue again, in ms.
 */
async function putOff(leaderFirst: boolean): Promise<number> {
  const { cluster, leader, follower, queue, commit, all } = setUp();
  void follower.proposer.write(putOf('first'));
  await all();
  for (const prefix of ['a/', 'b/']) {
    for (let at = 0; at < 6_000; at += 100) {
      const success = Array.from({ length: 100 }, (_, i) => putOf(`${prefix}${at + i}`));
      void follower.proposer.write({ kind: 'txn', compare: [], success, failure: [] });
    }
  }
  await all();
  cluster.clock.advance(100);
  expect(follower.proposer.open).toBe(0);
  for (const prefix of ['a', 'b', 'c'])
    void follower.proposer.write({ kind: 'delete', range: { start: `${prefix}/`, end: `${prefix}0` }, prev: false });
  commit();
  (leaderFirst ? leader : follower).applyAll();
  (leaderFirst ? follower : leader).applyAll();
  for (let ms = 0; ms < 10_000; ms += 25) {
    if (queue.length > 0) return ms;
    cluster.clock.advance(25);
  }
  return Infinity;
}

describe('a leader that passes over commands, and a follower whose process sends them', () => {
  it('takes again what apply has put off', async () => {
    expect(await putOff(true)).toBe(0);
    // The follower sends before the leader has applied, in vain, and soon once more.
    expect(await putOff(false)).toBeLessThanOrEqual(resendMs / 8 + 25);
  });

  it('is not misled by bytes that apply does not hear of', async () => {
    const { cluster, follower, receive, all } = setUp();
    void follower.proposer.write(putOf('first'));
    await all();
    await all();
    // In the place of the next command, and longer than a skip is.
    receive([Uint8Array.from([...encodeSkip(follower.proposer.session, 2, 1), 0])]);
    await all();
    let done = false;
    void follower.proposer.write(putOf('second'), { timeoutMs: 0 }).then(() => (done = true));
    cluster.clock.advance(resendMs);
    await all();
    expect(done).toBe(true);
  });

  it('is not misled by commands of a session that is not open yet', async () => {
    const { cluster, follower, receive, all } = setUp();
    receive([put(1, 2), put(2, 2)]);
    await all();
    let done = false;
    void follower.proposer.write(putOf('first'), { timeoutMs: 0 }).then(() => (done = true));
    await all();
    expect(follower.proposer.session).toBe(2);
    cluster.clock.advance(resendMs);
    await all();
    expect(done).toBe(true);
  });
});
