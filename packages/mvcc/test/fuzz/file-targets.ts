import type { AppendBatch, LoadedLog, SnapshotMeta } from '@coterie/raft';
import { expect } from 'vitest';
import { SimDisk } from '../../src/files/sim-disk.js';
import { ChangeAssembler } from '../../src/store/history/change-assembler.js';
import { ListedRun } from '../../src/store/history/change-run.js';
import { blockHeadBytes } from '../../src/store/snapshot/snapshot-format.js';
import { crc32c } from '../../src/files/crc32c.js';
import { headerBytes, lengthAt, recordBytes, sealRecord, segmentName, viewOf } from '../../src/wal/format.js';
import { ReplayedLog } from '../../src/wal/replayed-log.js';
import { SegmentBytes } from '../../src/wal/segment-bytes.js';
import { corrupt, readSegment } from '../../src/wal/segment-reader.js';
import { record } from '../faults/recording.js';
import { NaiveModel, showChanges } from '../store/naive-model.js';
import { seeded, World, Writer, bytes } from '../store/fixture.js';
import { entry, hardState, LogUnderTest, noConf } from '../wal/log-under-test.js';
import { after, emptyState, expectEntries, isState, type ModelState } from '../wal/log-model.js';
import { same, type Target } from './target.js';

// ---- the log

interface Segment {
  readonly bytes: Uint8Array;
  /** The log after each batch, and where that batch ends. */
  readonly states: readonly { readonly state: ModelState; readonly end: number }[];
}

/** One segment with entries, overwritten ends, marks and hard states, each batch synced before the next one. */
function segment(seed: number): Segment {
  const random = seeded(seed);
  const disk = new SimDisk({ random, schedule: () => undefined });
  const log = new LogUnderTest(disk.files, '/log', { segmentBytes: 65_536 });
  const path = `/log/${segmentName(1)}`;
  const used = (): number => {
    const content = disk.contentOf(path);
    return content.findLastIndex((byte) => byte !== 0) + 1;
  };
  let state = emptyState;
  const states = [{ state, end: used() }];
  for (let at = 0; at < 12; at++) {
    const last = state.start.index + state.entries.length;
    const term = 1 + (at >> 2);
    const conf = { ...noConf, voters: [1, 2, 3], learners: [70_000] };
    const batch: Partial<AppendBatch> =
      at === 6
        ? { snapshot: { index: last + 5, term, conf, size: 9 }, hardState: hardState(term, 2, last + 5) }
        : {
            entries: [entry(last + 1, term, random.nextInt(200)), entry(last + 2, term, 3)],
            hardState: hardState(term, 1, last),
          };
    const full = log.append(batch);
    log.time.run();
    state = after(state, full);
    states.push({ state, end: used() });
  }
  const content = disk.contentOf(path);
  return { bytes: content.slice(0, used() + 64), states };
}

const segments = [1, 2, 3].map(segment);

const windowBytes = 256;

function readFrom(input: Uint8Array, into: Uint8Array, at: number): number {
  const found = input.subarray(at, at + into.length);
  into.set(found);
  return found.length;
}

function load(input: Uint8Array): LoadedLog {
  const replayed = new ReplayedLog(0);
  const changes: (() => void)[] = [];
  // As the loader does, with a window that every other record lies across the end of.
  const content = new SegmentBytes('fuzzed', input.length, (into, at) => readFrom(input, into, at), windowBytes);
  readSegment(
    { path: 'fuzzed', sequence: 1, content, last: true },
    {
      record(type, payload, view) {
        const change = replayed.decode(type, payload, view);
        const refuse = (): never => {
          throw corrupt('fuzzed', 0, `a record of type ${type} cannot be understood`);
        };
        changes.push(change ?? refuse);
      },
      batchEnd() {
        for (const change of changes.splice(0)) change();
      },
    },
  );
  return replayed.finish();
}

/** The end may be missing, whole batches of it, if nothing sound shows that more was there. */
function checkLog(input: Uint8Array, sample: Uint8Array, repaired: boolean): void {
  const loaded = load(input);
  if (repaired) return;
  const { states } = segments.find(({ bytes: content }) => content === sample) as Segment;
  const count = states.findLastIndex(({ state }) => isState(loaded, state, 0));
  if (count === -1) expect.fail('not the log after any number of whole batches');
  const { state, end } = states[count] as Segment['states'][number];
  expectEntries(loaded.entries, state.entries);
  const next = states[count + 2];
  // A batch that stands where it was written says how far the log was synced: up to it nothing may be missing.
  if (next !== undefined && holds(input, sample, (states[count + 1] as Segment['states'][number]).end, next.end))
    expect.fail(`the log ends at byte ${end} although a later batch is there`);
}

function holds(input: Uint8Array, sample: Uint8Array, from: number, to: number): boolean {
  return input.length >= to && same(input.subarray(from, to), sample.subarray(from, to));
}

/** Seals every record again, as far as their lengths lead. */
function sealAgain(input: Uint8Array): void {
  const view = viewOf(input);
  let running = 0;
  for (let at = 0; at + headerBytes <= input.length;) {
    if (lengthAt(view, at) > input.length) return;
    const next = at + recordBytes(lengthAt(view, at));
    if (next > input.length || input[at + 4] === 0) return;
    running = sealRecord(
      input,
      view,
      at,
      { sequence: 1, offset: at },
      Math.min(at, view.getUint32(at + 8, true)),
      running,
    );
    at = next;
  }
}

const log: Target = {
  name: 'log segment',
  share: 15,
  samples: segments.map(({ bytes: content }) => content),
  repair: sealAgain,
  check: checkLog,
};

// ---- history

const model = new NaiveModel(1);

async function historySamples(): Promise<Uint8Array[]> {
  const world = new World(1);
  const writer = new Writer(await world.open());
  for (let at = 0; at < 12; at++) {
    const change = writer.apply([
      [`key-${at % 3}`, bytes('v'.repeat(at * 3))],
      [`key-${(at + 1) % 3}`, at % 2 === 0 ? undefined : bytes('w')],
    ]);
    if (change !== undefined) model.take(change);
  }
  return [new ListedRun(model.log).frames({ at: 0, sub: 0 }, model.log.length, Number.POSITIVE_INFINITY).bytes];
}

/** Damage is refused; what comes before it, and revisions that are whole, may be taken. */
function checkHistory(input: Uint8Array): void {
  const assembler = new ChangeAssembler(2);
  try {
    assembler.take(input, Number.POSITIVE_INFINITY);
  } finally {
    const taken = showChanges(assembler.changes);
    expect(taken).toEqual(showChanges(model.log.slice(0, assembler.changes.length)));
  }
}

// ---- snapshots

export interface SnapshotSample {
  readonly meta: SnapshotMeta;
  readonly content: Uint8Array;
}

/** The snapshots that a recorded member sends. */
export async function snapshotSamples(): Promise<readonly SnapshotSample[]> {
  const { steps } = await record(3, 72, [20, 50]);
  return steps.flatMap((step) => (step.kind === 'snapshot' ? [step] : []));
}

/** Makes the checksum of each block right again, as far as their lengths lead. */
function sumBlocksAgain(input: Uint8Array): void {
  const view = viewOf(input);
  for (let at = 0; at + blockHeadBytes <= input.length;) {
    const next = at + blockHeadBytes + view.getUint32(at, true);
    if (next > input.length) return;
    view.setUint32(at + 4, crc32c(input, 0, at + 8, next), true);
    at = next;
  }
}

/** A snapshot is taken by a member of its own, and then it has exactly what was sent. */
async function checkSnapshot(input: Uint8Array, { meta, content }: SnapshotSample, repaired: boolean): Promise<void> {
  const world = new World(1);
  const store = await world.open();
  try {
    const sink = await world.schedule.until(store.receiveSnapshot({ ...meta, size: input.length }));
    for (let at = 0; at < input.length; at += 2_000)
      await world.schedule.until(sink.write(input.subarray(at, at + 2_000)));
    await world.schedule.until(sink.commit());
    store.installSnapshot({ ...meta, size: input.length });
    expect(store.recovered().appliedIndex).toBe(meta.index);
    if (!repaired) expect(same(input, content)).toBe(true);
    await world.schedule.until(store.contentHash());
  } finally {
    await world.schedule.until(store.close());
  }
}

export async function fileTargets(): Promise<readonly Target[]> {
  const snapshots = await snapshotSamples();
  const samples = snapshots.map(({ content }) => content);
  return [
    log,
    { name: 'history', share: 5, samples: await historySamples(), check: checkHistory },
    {
      name: 'snapshot',
      share: 1,
      samples,
      repair: sumBlocksAgain,
      check: (input, sample, repaired) =>
        checkSnapshot(input, snapshots[samples.indexOf(sample)] as SnapshotSample, repaired),
    },
  ];
}
