import assert from 'node:assert/strict';
import type { SnapshotMeta } from '../core/messages.js';
import type { SnapshotSink, SnapshotSource } from '../ports/snapshot-store.js';
import { needs } from './suite.js';
import { beat, settles, until, type TransportEnd, type TransportEnds } from './transport-ends.js';

/** What the author says of the transport: see `TransportSuiteOptions.snapshots`. */
export type SnapshotMode = 'required' | 'optional' | 'none';

const carriesNone = 'this transport carries no snapshots';
const size = 700_001;

function content(): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

const meta: SnapshotMeta = {
  index: 12_345,
  term: 6,
  conf: { voters: [1, 2, 3], votersOutgoing: [1, 2], learners: [4], learnersNext: [], autoLeave: true },
  size,
};

class BytesSource implements SnapshotSource {
  readonly #bytes = content();
  readonly reads: number[] = [];
  readonly #failAt: number;

  constructor(failAt = Number.POSITIVE_INFINITY) {
    this.#failAt = failAt;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.reads.push(offset);
    if (offset >= this.#failAt) return Promise.reject(new Error('the disk is gone'));
    return Promise.resolve(this.#bytes.subarray(offset, offset + length));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Gathers what it is given and how it ended; `onWrite` and `onCommit` make it slow or broken. */
class GatheringSink implements SnapshotSink {
  readonly chunks: Uint8Array[] = [];
  committed = 0;
  aborted = 0;
  #writing = false;
  readonly offset: number;
  readonly #onWrite: () => Promise<void>;
  readonly #onCommit: () => Promise<void>;

  constructor(offset = 0, onWrite = (): Promise<void> => Promise.resolve(), onCommit = onWrite) {
    this.offset = offset;
    this.#onWrite = onWrite;
    this.#onCommit = onCommit;
  }

  async write(chunk: Uint8Array): Promise<void> {
    assert.ok(!this.#writing, 'one write at a time');
    this.#writing = true;
    try {
      this.chunks.push(new Uint8Array(chunk));
      await this.#onWrite();
    } finally {
      this.#writing = false;
    }
  }

  async commit(): Promise<void> {
    this.committed++;
    await this.#onCommit();
  }

  abort(): Promise<void> {
    this.aborted++;
    return Promise.resolve();
  }
}

/** Holds a sink up until it is opened. */
class Gate {
  #open: (() => void) | undefined;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));

  pass(): Promise<void> {
    return this.#opened;
  }

  open(): void {
    this.#open?.();
  }
}

/**
 * One transfer from `a` to `b`. `sink` stays undefined when the transport never asked for one: it has no snapshot lane.
 */
async function transfer(
  a: TransportEnd,
  b: TransportEnd,
  sink: GatheringSink,
  source: SnapshotSource,
  signal?: AbortSignal,
) {
  let received: SnapshotMeta | undefined;
  let receiverSignal: AbortSignal | undefined;
  b.receiveSnapshot = (offered, offeredSignal) => {
    received = offered;
    receiverSignal = offeredSignal;
    return Promise.resolve(sink);
  };
  const ending = a.transport.sendSnapshot(b.self.id, meta, source, { signal: signal ?? new AbortController().signal });
  const outcome = await settles(
    'the transfer ends',
    ending.catch((error: unknown) => error as Error),
  );
  return { outcome, received, receiverSignal };
}

/** Skips unless this transport moves snapshots; what the other tests claim holds for those that do. */
async function needsSnapshots(a: TransportEnd, b: TransportEnd, mode: SnapshotMode): Promise<void> {
  needs(mode !== 'none', carriesNone);
  const { outcome, received } = await transfer(a, b, new GatheringSink(), new BytesSource());
  assert.ok(received !== undefined || mode === 'optional', 'the receiver is offered the snapshot');
  needs(received !== undefined, carriesNone);
  assert.equal(outcome, 'ok', 'a transfer that nothing disturbs succeeds');
}

export async function movesSnapshots(ends: TransportEnds, mode: SnapshotMode): Promise<void> {
  const [a, b] = await ends.pair();
  const sink = new GatheringSink();
  const { outcome, received } = await transfer(a, b, sink, new BytesSource());
  assert.ok(outcome === 'ok' || outcome === 'failed', 'a transfer resolves ok or failed, and never rejects');
  if (mode === 'none') {
    assert.equal(received, undefined, 'the receiver is offered nothing');
    assert.equal(outcome, 'failed', 'what is not carried has failed');
    return;
  }
  assert.ok(received !== undefined || mode === 'optional', 'the receiver is offered the snapshot');
  needs(received !== undefined, carriesNone);
  assert.equal(outcome, 'ok');
  assert.deepEqual(received, meta);
  assert.ok(Buffer.concat(sink.chunks).equals(content()), 'every byte arrives in order');
  assert.deepEqual([sink.committed, sink.aborted], [1, 0]);
}

export async function resumesSnapshots(ends: TransportEnds, mode: SnapshotMode): Promise<void> {
  const [a, b] = await ends.pair();
  await needsSnapshots(a, b, mode);
  for (const offset of [300_000, size]) {
    const [sink, source] = [new GatheringSink(offset), new BytesSource()];
    assert.equal((await transfer(a, b, sink, source)).outcome, 'ok');
    assert.ok(
      source.reads.every((at) => at >= offset),
      'nothing before the offset is read again',
    );
    assert.ok(Buffer.concat(sink.chunks).equals(content().subarray(offset)), 'the rest arrives in order');
    assert.deepEqual([sink.committed, sink.aborted], [1, 0]);
  }
}

export async function reportsBrokenSnapshots(ends: TransportEnds, mode: SnapshotMode): Promise<void> {
  const [a, b] = await ends.pair();
  await needsSnapshots(a, b, mode);
  const broken = (): Promise<void> => Promise.reject(new Error('no space'));
  const fine = (): Promise<void> => Promise.resolve();

  const writeFails = new GatheringSink(0, broken, fine);
  assert.equal((await transfer(a, b, writeFails, new BytesSource())).outcome, 'failed', 'a sink that cannot write');
  await until('the sink is aborted', () => writeFails.aborted === 1);
  assert.equal(writeFails.committed, 0);

  const commitFails = new GatheringSink(0, fine, broken);
  assert.equal((await transfer(a, b, commitFails, new BytesSource())).outcome, 'failed', 'a sink that cannot commit');
  assert.deepEqual(
    [commitFails.committed, commitFails.aborted],
    [1, 0],
    'commit is the end of a sink, also when it fails',
  );

  const sourceFails = new GatheringSink();
  assert.equal((await transfer(a, b, sourceFails, new BytesSource(200_000))).outcome, 'failed', 'a source that fails');
  await until('the sink is aborted', () => sourceFails.aborted === 1);
  assert.equal(sourceFails.committed, 0);

  b.receiveSnapshot = undefined;
  const refused = a.transport.sendSnapshot(b.self.id, meta, new BytesSource(), {
    signal: new AbortController().signal,
  });
  assert.equal(await settles('a refused transfer ends', refused), 'failed', 'a receiver that refuses');

  const absent = await ends.absent();
  a.transport.setPeers([b.self, absent]);
  const lost = a.transport.sendSnapshot(absent.id, meta, new BytesSource(), { signal: new AbortController().signal });
  assert.equal(await settles('a transfer to nobody ends', lost), 'failed', 'a peer that is not there');

  assert.equal(
    (await transfer(a, b, new GatheringSink(), new BytesSource())).outcome,
    'ok',
    'and then all is well again',
  );
}

export async function abortsSnapshots(ends: TransportEnds, mode: SnapshotMode): Promise<void> {
  const [a, b] = await ends.pair();
  const before = await transfer(a, b, new GatheringSink(), new BytesSource(), AbortSignal.abort());
  assert.equal(before.outcome, 'failed', 'a transfer aborted before it begins');
  await needsSnapshots(a, b, mode);

  const abort = new AbortController();
  const gate = new Gate();
  const stuck = new GatheringSink(0, () => gate.pass());
  const ending = transfer(a, b, stuck, new BytesSource(), abort.signal);
  await until('the transfer is under way', () => stuck.chunks.length > 0);

  // While one snapshot waits for a slow disk, messages pass.
  a.transport.send(b.self.id, [beat(a, b.self, 42)]);
  await until('a message passes a stuck snapshot', () => b.beatsFrom(a).includes(42));

  abort.abort();
  const { outcome, receiverSignal } = await ending;
  assert.equal(outcome, 'failed', 'an aborted transfer');
  await until('the receiver is told', () => receiverSignal?.aborted === true);
  gate.open();
  await until('the sink is aborted', () => stuck.aborted === 1);
  assert.equal(stuck.committed, 0);
  assert.equal(
    (await transfer(a, b, new GatheringSink(), new BytesSource())).outcome,
    'ok',
    'and then all is well again',
  );
}

export async function endsSnapshotsOnClose(ends: TransportEnds, mode: SnapshotMode): Promise<void> {
  const [a, b] = await ends.pair();
  await needsSnapshots(a, b, mode);
  const gate = new Gate();
  const stuck = new GatheringSink(0, () => gate.pass());
  const ending = transfer(a, b, stuck, new BytesSource());
  await until('the transfer is under way', () => stuck.chunks.length > 0);
  const closing = a.transport.close();
  assert.equal((await ending).outcome, 'failed', 'a transfer whose sender closes');
  await settles('close', closing);
  gate.open();
  await until('the sink is aborted', () => stuck.aborted === 1);
  assert.equal(stuck.committed, 0);
}
