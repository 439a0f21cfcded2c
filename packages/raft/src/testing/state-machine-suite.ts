import assert from 'node:assert/strict';
import type { StateMachine } from '../ports/state-machine.js';
import { logOf, plainCluster, type MachineMaker, type MachineUser, MachineUsers } from './machine-user.js';
import { pause, settles, until } from './transport-ends.js';
import { suiteOf, type Register, type Suite } from './suite.js';

type Users = MachineUsers<StateMachine>;

/** What the machine says of itself is what its log says at that index. */
export function claimStandsAt(user: MachineUser<StateMachine>, index: number): void {
  const { machine } = user;
  const { index: at, term } = machine.applied();
  assert.deepEqual({ at, term }, { at: index, term: logOf.term(index) }, 'applied() is the last applied entry');
  assert.deepEqual(
    plainCluster(machine.cluster()),
    plainCluster(logOf.clusterAt(index)),
    'cluster() is as of applied()',
  );
  assert.equal(machine.logTimeMs(), logOf.logTimeMs(index), 'logTimeMs() is as of applied()');
}

async function beginsEmpty(users: Users): Promise<void> {
  const user = await users.start();
  for (let life = 0; life < 2; life++) {
    const { index, term } = user.machine.applied();
    assert.deepEqual({ index, term }, { index: 0, term: 0 });
    assert.equal(user.machine.cluster(), undefined, 'no cluster yet');
    assert.equal(user.machine.logTimeMs(), 0);
    await user.restart('close');
  }
}

async function followsEveryEntry(users: Users): Promise<void> {
  const user = await users.start();
  for (let index = 1; index <= 60; index++) {
    await user.advance(index);
    claimStandsAt(user, index);
  }
}

async function changesWithEveryCommand(users: Users): Promise<void> {
  const user = await users.start();
  const seen = new Set<string>();
  for (let index = 1; index <= 24; index++) {
    await user.advance(index);
    if (index >= 2 && !logOf.isEmpty(index)) seen.add(await user.state());
  }
  assert.equal(seen.size, 22, 'each entry with commands leads to another state');
}

async function isDeterministic(users: Users): Promise<void> {
  const [steady, hasty, patient] = [await users.start(), await users.start(), await users.start()];
  const through = 120;
  await steady.advance(through);
  // Never told that its log is durable, and never given the loop back between entries.
  await hasty.advance(through, false);
  for (let index = 1; index <= through; index++) {
    const entry = logOf.cluster(index) === undefined ? patient.entry(index) : undefined;
    for (let times = index % 3; entry !== undefined && times > 0; times--) await patient.prepare(entry);
    await patient.advance(index, index % 7 === 0);
    await pause(0);
  }
  const expected = await steady.state();
  assert.equal(await hasty.state(), expected, 'how fast the log follows changes nothing');
  assert.equal(await patient.state(), expected, 'how often an entry is prepared changes nothing');
}

async function leavesEntriesAlone(users: Users): Promise<void> {
  const user = await users.start();
  await user.advance(1);
  for (let index = 2; index < 20; index++) {
    const entry = user.entry(index);
    const before = entry.commands.map((command) => [...command]);
    await user.prepare(entry);
    user.call(() => {
      user.machine.apply(entry);
    });
    assert.deepEqual(
      entry.commands.map((command) => [...command]),
      before,
      'the bytes of an entry belong to others too',
    );
    // Entries live in frames of a network: what the machine kept of them must be its own.
    for (const command of entry.commands) command.fill(0xee);
  }
  const state = await user.state();
  assert.equal(state, await users.expectedAt(user.index), 'the state holds no view of an entry');
}

async function checkpointsInOrder(users: Users): Promise<void> {
  const user = await users.start();
  for (let count = 1; count <= 3; count++) await user.checkpoint();
  user.checkpoints.forEach(({ index, term }, i) => {
    assert.ok(index > (user.checkpoints[i - 1]?.index ?? 0), 'checkpoints go forward');
    assert.ok(index <= user.index, 'and not beyond what is applied');
    assert.equal(term, logOf.term(index), 'with the term of their entry');
  });
}

async function waitsForTheLog(users: Users): Promise<void> {
  const scout = await users.start();
  const { index: usual } = await scout.checkpoint();
  const user = await users.start();
  await user.advance(5);
  await user.advance(3 * usual + 20, false);
  await pause(30);
  // That none came is checked where it would come: a checkpoint is not ahead of the log.
  user.logDurable(user.index);
  await until('a checkpoint comes when the log is durable', () => user.checkpoints.length > 0);
}

async function obeysALogThatGoesBack(users: Users): Promise<void> {
  const scout = await users.start();
  const { index: usual } = await scout.checkpoint();
  const user = await users.start();
  await user.advance(5);
  // The log has a long end that is durable and was never committed; then a new leader's entries replace it, and are
  // applied before they are durable here.
  user.logDurable(10 * usual);
  user.logDurable(5);
  await user.advance(2 * usual + 20, false);
  await pause(30);
  assert.deepEqual(user.checkpoints, [], 'no checkpoint stands on entries that were replaced');
  user.logDurable(user.index);
  await until('a checkpoint comes when the log is durable', () => user.checkpoints.length > 0);
}

async function comesBack(users: Users, how: 'close' | 'crash'): Promise<void> {
  const user = await users.start();
  if (how === 'crash') user.needsCrash();
  for (let life = 0; life < 3; life++) {
    const { index: reported } = await user.checkpoint();
    await user.advance(user.index + 13);
    const before = user.index;
    await user.restart(how);
    const at = user.index;
    assert.ok(at >= reported, `a checkpoint that was reported (${reported}) is there after a restart (${at})`);
    assert.ok(at <= before, 'nothing is there that was never applied');
    claimStandsAt(user, at);
    assert.equal(await user.state(), await users.expectedAt(at), 'the state is that of applied()');
    await user.advance(before + 5);
    assert.equal(await user.state(), await users.expectedAt(before + 5), 'the rest of the log leads to the same state');
  }
}

async function neverStandsAheadOfTheLog(users: Users, how: 'close' | 'crash'): Promise<void> {
  const scout = await users.start();
  if (how === 'crash') scout.needsCrash();
  const { index: usual } = await scout.checkpoint();
  const user = await users.start();
  await user.advance(5);
  await user.advance(2 * usual + 20, false);
  await pause(10);
  await user.restart(how);
  assert.ok(user.index <= 5, `the machine stands at ${user.index}, where its own log ends at 5`);
}

async function closesForGood(users: Users): Promise<void> {
  const user = await users.start();
  await user.advance(3 * 16);
  const { machine } = user;
  // Whatever is under way ends: nothing is told to the host afterwards (the user of the machine listens for that).
  await user.close();
  await settles('close again', machine.close());
  await settles('close twice at once', Promise.all([machine.close(), machine.close()]));
  await pause(30);
}

const cases: readonly (readonly [string, (users: Users) => Promise<void>])[] = [
  ['a new machine stands before the first entry', beginsEmpty],
  ['applied, cluster and log time follow every entry, commands or not', followsEveryEntry],
  ['every command counts', changesWithEveryCommand],
  ['the same entries give the same state, at any pace', isDeterministic],
  ['what an entry holds is neither changed nor kept', leavesEntriesAlone],
  ['checkpoints are told of in order, with their term', checkpointsInOrder],
  ['a checkpoint waits until the own log is durable', waitsForTheLog],
  ['a checkpoint waits when the log goes back', obeysALogThatGoesBack],
  ['after a close it stands at its last checkpoint, and replay leads on', (users) => comesBack(users, 'close')],
  ['after a crash it stands at its last checkpoint, and replay leads on', (users) => comesBack(users, 'crash')],
  ['after a close it is not ahead of its log', (users) => neverStandsAheadOfTheLog(users, 'close')],
  ['after a crash it is not ahead of its log', (users) => neverStandsAheadOfTheLog(users, 'crash')],
  ['closes for good: idempotent, and silent afterwards', closesForGood],
];

/**
 * The conformance suite for a {@link StateMachine}: what raft relies on, tried on the author's own.
 *
 * @param maker how machines are made and filled
 * @param register a runner's `test(name, run)`; left out, the caller runs `suite.tests`
 * @example
 * ```ts
 * import { MemorySnapshotStore, MemoryStateMachine } from '@coterie/raft';
 * import { stateMachineSuite } from '@coterie/raft/testing';
 *
 * const suite = stateMachineSuite({
 *   async place() {
 *     const snapshots = new MemorySnapshotStore();
 *     const open = async (logStart: number) => {
 *       const machine = new MemoryStateMachine<string>({
 *         initial: () => '',
 *         fold: (state, command) => state + command.join(','),
 *         encode: (state) => Buffer.from(state),
 *         decode: (bytes) => Buffer.from(bytes).toString(),
 *         snapshots,
 *         defer: setImmediate,
 *         logStart,
 *         checkpointEntries: 20,
 *       });
 *       return { machine, snapshots };
 *     };
 *     return { open };
 *   },
 *   commands: (nth) => [Uint8Array.of(nth & 255)],
 *   stateOf: async (machine) => machine.state,
 * });
 * for (const { run } of suite.tests) await run();
 * ```
 */
export function stateMachineSuite<M extends StateMachine>(maker: MachineMaker<M>, register?: Register): Suite {
  return machineSuite('state machine', maker, cases, register);
}

/** Makes a suite of cases over machines. */
export function machineSuite<M extends StateMachine>(
  name: string,
  maker: MachineMaker<M>,
  of: readonly (readonly [string, (users: Users) => Promise<void>])[],
  register: Register | undefined,
): Suite {
  const run = async (body: (users: Users) => Promise<void>): Promise<void> => {
    const users = new MachineUsers(maker);
    try {
      // A case only hands machines back to their own maker.
      await body(users);
      users.claimCalls();
    } finally {
      await users.dispose();
    }
  };
  return suiteOf(name, of, run, register);
}
