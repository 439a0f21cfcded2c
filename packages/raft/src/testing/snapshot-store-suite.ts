import assert from 'node:assert/strict';
import type { Index, SnapshotMeta } from '../core/messages.js';
import type { SnapshotSink, SnapshotSource } from '../ports/snapshot-store.js';
import type { StateMachine } from '../ports/state-machine.js';
import { logOf, type MachineMaker, type MachineUser, type MachineUsers } from './machine-user.js';
import { claimStandsAt, machineSuite } from './state-machine-suite.js';
import { pause, settles } from './transport-ends.js';
import type { Register, Suite } from './suite.js';

type Users = MachineUsers<StateMachine>;
type User = MachineUser<StateMachine>;

interface Content {
  readonly meta: SnapshotMeta;
  readonly bytes: Uint8Array;
}

async function readAll(source: SnapshotSource, chunk = 1_000): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < source.size; at += chunk) {
    // A copy: the source may use its buffer again.
    parts.push(new Uint8Array(await settles('read', source.read(at, Math.min(chunk, source.size - at)))));
  }
  return Buffer.concat(parts);
}

/** A machine with a checkpoint and applies behind it, and what it sends. */
async function sender(users: Users, behind = 7): Promise<Content & { readonly user: User }> {
  const user = await users.start();
  // Its membership is another one than that of a member which has just begun.
  await user.advance(50);
  await user.checkpoint();
  await user.advance(user.index + behind);
  const { meta, source } = await user.openSnapshot();
  const bytes = await readAll(source);
  await source.close();
  return { user, meta, bytes };
}

/** Writes a part of a snapshot in pieces of odd sizes, in a buffer that is used again, as a network has it. */
async function send(sink: SnapshotSink, { bytes }: Content, from = 0, end = bytes.length): Promise<void> {
  const buffer = new Uint8Array(1_237);
  for (let at = from, size = 1; at < end; size = ((size * 7) % 1_237) + 1) {
    const piece = bytes.subarray(at, Math.min(end, at + size));
    buffer.set(piece);
    await settles('write', sink.write(buffer.subarray(0, piece.length)));
    buffer.fill(0xaa);
    at += piece.length;
  }
}

async function receive(to: User, content: Content): Promise<void> {
  const sink = await to.receive(content.meta);
  await send(sink, content, sink.offset);
  await settles('commit', sink.commit());
}

async function refuses(to: User, { meta }: Content, sent: Uint8Array, what: string): Promise<void> {
  const sink = await to.receive(meta);
  assert.equal(sink.offset, 0, 'nothing of a refused snapshot is kept');
  const outcome = await send(sink, { meta, bytes: sent })
    .then(() => settles('commit', sink.commit()))
    .then(
      () => 'taken' as const,
      () => 'refused' as const,
    );
  assert.equal(outcome, 'refused', what);
}

async function hasNothingToSend(users: Users): Promise<void> {
  const user = await users.start();
  const opened = await user.openSnapshot().then(
    () => true,
    () => false,
  );
  assert.ok(!opened, 'a machine without a checkpoint refuses to send one');
}

async function tellsTheTruth(users: Users): Promise<void> {
  const user = await users.start();
  const { index } = await user.checkpoint();
  // Terms and memberships have changed since.
  await user.advance(user.index + 30);
  const { meta, source } = await user.openSnapshot();
  assert.ok(meta.index >= index && meta.index <= user.index, 'its index is at a checkpoint or later, and applied');
  assert.equal(meta.term, logOf.term(meta.index), 'its term is that of the entry');
  assert.deepEqual({ ...meta.conf }, logOf.clusterAt(meta.index).conf, 'its configuration is as of its index');
  assert.equal(meta.size, source.size, 'its size is that of the source');
  assert.ok(meta.size > 0);
  await source.close();
}

async function readsAnywhere(users: Users): Promise<void> {
  const { user } = await sender(users);
  // Both of one source: the machine may take a checkpoint of its own between two.
  const { source } = await user.openSnapshot();
  const { size } = source;
  const bytes = await readAll(source, 333);
  for (const [offset, length] of [
    [0, size],
    [size - 1, 1],
    [Math.floor(size / 2), 11],
    [3, 5],
    [size - 2, 100],
    [0, 1],
  ] as const) {
    const found = await settles('read', source.read(offset, length));
    const expected = bytes.subarray(offset, offset + length);
    assert.ok(Buffer.from(found).equals(expected), `${length} bytes from ${offset} on are what they were`);
  }
  await source.close();
}

async function doesNotMove(users: Users): Promise<void> {
  const user = await users.start();
  await user.checkpoint();
  const { meta, source } = await user.openSnapshot();
  const begun = new Uint8Array(await source.read(0, Math.floor(source.size / 2)));
  await user.checkpoint();
  await user.advance(user.index + 9);
  await user.checkpoint();
  assert.equal(source.size, meta.size);
  const bytes = await readAll(source, 333);
  assert.ok(Buffer.from(bytes.subarray(0, begun.length)).equals(begun), 'bytes that were read once stay what they are');
  await source.close();
  const to = await users.start();
  await receive(to, { meta, bytes });
  to.install(meta);
  assert.equal(await to.state(), await users.expectedAt(meta.index), 'it is the state at its index');
}

async function opensMany(users: Users): Promise<void> {
  const { user, bytes } = await sender(users);
  const [one, other] = [await user.openSnapshot(), await user.openSnapshot()];
  await settles('close', one.source.close());
  await settles('close again', one.source.close());
  const refused = await one.source.read(0, 1).then(
    () => false,
    () => true,
  );
  assert.ok(refused, 'a closed source does not read');
  assert.ok(Buffer.from(await readAll(other.source)).equals(bytes), 'sources are independent of one another');
  await other.source.close();
}

async function becomesTheState(users: Users): Promise<void> {
  const content = await sender(users);
  const { index } = content.meta;
  for (const own of [0, 10]) {
    const to = await users.start();
    await to.advance(own);
    await receive(to, content);
    to.install(content.meta);
    // At once: nothing was awaited since.
    claimStandsAt(to, index);
    assert.equal(await to.state(), await users.expectedAt(index), 'the state is that of the sender at its index');
    await to.advance(index + 40);
    assert.equal(await to.state(), await users.expectedAt(index + 40), 'what comes after leads on from there');
  }
}

async function buildsBeside(users: Users): Promise<void> {
  const content = await sender(users);
  const to = await users.start();
  await to.advance(6);
  const sink = await to.receive(content.meta);
  await send(sink, content, 0, Math.floor(content.bytes.length / 2));
  await to.advance(9);
  await send(sink, content, Math.floor(content.bytes.length / 2));
  await settles('commit', sink.commit());
  await pause(5);
  claimStandsAt(to, 9);
  await to.advance(12);
  claimStandsAt(to, 12);
  assert.equal(await to.state(), await users.expectedAt(12), 'a snapshot that is not installed changes nothing');
}

async function resumes(users: Users): Promise<void> {
  const content = await sender(users);
  const half = Math.floor(content.bytes.length / 2);
  const to = await users.start();
  const first = await to.receive(content.meta);
  assert.equal(first.offset, 0);
  await send(first, content, 0, half);
  await settles('abort', first.abort());
  await settles('abort again', first.abort());
  const second = await to.receive({ ...content.meta });
  assert.ok(second.offset >= 0 && second.offset <= half, 'it goes on at what was written, or begins again');
  await send(second, content, second.offset);
  await settles('commit', second.commit());
  to.install(content.meta);
  assert.equal(await to.state(), await users.expectedAt(content.meta.index), 'a resumed snapshot is whole');
}

async function resumesOnlyTheSame(users: Users): Promise<void> {
  const content = await sender(users);
  const { meta } = content;
  const to = await users.start();
  const others: SnapshotMeta[] = [
    { ...meta, index: meta.index + 1 },
    { ...meta, term: meta.term + 1 },
    { ...meta, size: meta.size + 1 },
  ];
  for (const other of others) {
    const sink = await to.receive(meta);
    await send(sink, content, sink.offset, Math.max(sink.offset, 100));
    await settles('abort', sink.abort());
    const next = await to.receive(other);
    assert.equal(next.offset, 0, 'a part of another snapshot is not gone on with');
    await settles('abort', next.abort());
  }
  await receive(to, content);
  to.install(meta);
  assert.equal(await to.state(), await users.expectedAt(meta.index), 'and the right one is whole');
}

async function refusesDamage(users: Users): Promise<void> {
  const content = await sender(users);
  const { bytes, meta } = content;
  const to = await users.start();
  await to.advance(5);
  const places = [0, ...Array.from({ length: 9 }, (_, i) => Math.floor((i * bytes.length) / 9)), bytes.length - 1];
  for (const place of places) {
    const damaged = new Uint8Array(bytes);
    damaged[place] = damaged[place]! ^ (1 << (place % 8));
    await refuses(to, content, damaged, `a snapshot with a changed bit in byte ${place} is refused`);
  }
  claimStandsAt(to, 5);
  assert.equal(await to.state(), await users.expectedAt(5), 'the running state is not touched');
  await receive(to, content);
  to.install(meta);
  assert.equal(await to.state(), await users.expectedAt(meta.index), 'and the whole one is taken');
}

async function refusesWrongLengths(users: Users): Promise<void> {
  const content = await sender(users);
  const to = await users.start();
  await refuses(to, content, content.bytes.subarray(0, content.bytes.length - 1), 'a snapshot that is cut is refused');
  await refuses(to, content, new Uint8Array(), 'an empty one is refused');
  await refuses(to, content, Buffer.concat([content.bytes, Uint8Array.of(0)]), 'one that is too long is refused');
  await receive(to, content);
}

/** What a restart makes of a snapshot, by how far it had come. */
async function restarts(users: Users, how: 'close' | 'crash', came: 'part' | 'committed' | 'marked' | 'installed') {
  const content = await sender(users);
  const { meta, bytes } = content;
  const to = await users.start();
  if (how === 'crash') to.needsCrash();
  await to.advance(8);
  const sink = await to.receive(meta);
  await send(sink, content, 0, came === 'part' ? Math.floor(bytes.length / 2) : bytes.length);
  if (came !== 'part') await settles('commit', sink.commit());
  if (came === 'installed') to.install(meta);
  const isNew = came === 'marked' || came === 'installed';
  // The mark replaced the log: it begins at the snapshot, and is durable up to there.
  if (isNew) to.durable = meta.index;
  await to.restart(how, isNew ? meta.index : 0);
  if (isNew) {
    claimStandsAt(to, meta.index);
    assert.equal(
      await to.state(),
      await users.expectedAt(meta.index),
      'the log begins at the snapshot: it is the state',
    );
  } else {
    assert.ok(to.index <= 8, `the log knows nothing of the snapshot, and the machine stands at ${to.index}`);
  }
  const next = to.index + 30;
  await to.advance(next);
  assert.equal(await to.state(), await users.expectedAt(next), 'and it goes on from there');
  if (isNew) return;
  // What is left of it does not stand in the way of another one.
  const later = await sender(users, 2 * next);
  const newer = later.meta.index > to.index ? later : await checkpointBehind(later.user, to.index);
  await receive(to, newer);
  to.install(newer.meta);
  assert.equal(await to.state(), await users.expectedAt(newer.meta.index), 'a later snapshot is taken');
}

/** A snapshot of a machine that has gone on beyond an index. */
async function checkpointBehind(user: User, index: Index): Promise<Content> {
  while ((await user.checkpoint()).index <= index);
  const { meta, source } = await user.openSnapshot();
  const bytes = await readAll(source);
  await source.close();
  return { meta, bytes };
}

async function sendsOn(users: Users): Promise<void> {
  const content = await sender(users);
  const middle = await users.start();
  await receive(middle, content);
  middle.install(content.meta);
  const { meta, source } = await middle.openSnapshot();
  assert.ok(meta.index >= content.meta.index, 'what was installed can be sent');
  const bytes = await readAll(source);
  await source.close();
  const to = await users.start();
  await receive(to, { meta, bytes });
  to.install(meta);
  assert.equal(await to.state(), await users.expectedAt(meta.index), 'at second hand it is the same');
}

async function takesTheNewer(users: Users): Promise<void> {
  const older = await sender(users);
  const newer = await checkpointBehind(older.user, older.meta.index);
  const to = await users.start();
  await receive(to, older);
  to.install(older.meta);
  await receive(to, newer);
  to.install(newer.meta);
  claimStandsAt(to, newer.meta.index);
  assert.equal(await to.state(), await users.expectedAt(newer.meta.index), 'a second snapshot replaces the first');
}

const lives = (['close', 'crash'] as const).flatMap((how) => [
  [
    `a ${how} in the middle of a transfer leaves the old state`,
    (users: Users) => restarts(users, how, 'part'),
  ] as const,
  [
    `a ${how} between commit and mark leaves the old state`,
    (users: Users) => restarts(users, how, 'committed'),
  ] as const,
  [`a ${how} between mark and install leaves the new state`, (users: Users) => restarts(users, how, 'marked')] as const,
  [`a ${how} after install leaves the new state`, (users: Users) => restarts(users, how, 'installed')] as const,
]);

const cases: readonly (readonly [string, (users: Users) => Promise<void>])[] = [
  ['there is nothing to send before the first checkpoint', hasNothingToSend],
  ['meta tells the truth', tellsTheTruth],
  ['reads at any offset', readsAnywhere],
  ['stays at its point in time while applies and checkpoints go on', doesNotMove],
  ['sources are independent, and closed for good', opensMany],
  ['an installed snapshot is the state, at once and whole', becomesTheState],
  ['receives beside the running state, which goes on', buildsBeside],
  ['a broken transfer goes on where it stood', resumes],
  ['only the very same snapshot is gone on with', resumesOnlyTheSame],
  ['a damaged snapshot is refused', refusesDamage],
  ['a snapshot of another length is refused', refusesWrongLengths],
  ['what was installed can be sent on', sendsOn],
  ['a newer snapshot replaces an older one', takesTheNewer],
  ...lives,
];

/**
 * The conformance suite for a {@link SnapshotStore} with its state machine: what raft relies on, tried on the author's
 * own.
 *
 * @param maker as for {@link stateMachineSuite}
 * @param register a runner's `test(name, run)`; left out, the caller runs `suite.tests`
 */
export function snapshotStoreSuite<M extends StateMachine>(maker: MachineMaker<M>, register?: Register): Suite {
  return machineSuite('snapshot store', maker, cases, register);
}
