import type { AppendBatch, CommittedEntry, LoadedLog } from '@coterie/raft';
import { expect } from 'vitest';
import { MvccStateMachine } from '../../src/machine.js';
import { openLevelStore } from '../../src/store/open-level-store.js';
import type { Store } from '../../src/store/store.js';
import { InlineWalRunner } from '../../src/wal/inline-wal-runner.js';
import { Wal } from '../../src/wal/wal.js';
import { VirtualClock } from '../machine/virtual-clock.js';
import { tinyLimits } from '../store/fixture.js';
import type { Life } from './hardware.js';
import { applyEntry, cluster, entryData, keptChanges, ports, type Recording, type Step } from './recording.js';

type SnapshotStep = Extract<Step, { kind: 'snapshot' }>;

/** What was promised to others: it outlives the process that promised it. */
export class Promised {
  /** The log is durable up to here. */
  index = 0;
  term = 0;
  /** How far a synced checkpoint was told of. */
  checkpoint = 0;
}

/** A member as its driver runs it: log, store and state machine of one process. */
export class Member {
  readonly #life: Life;
  readonly #recording: Recording;
  readonly #promised: Promised;
  readonly failures: Error[] = [];
  #wal!: Wal;
  #store!: Store;
  #machine!: MvccStateMachine;
  #seq = 0;
  #durable = 0;
  #checkpoints: { readonly index: number; readonly term: number }[] = [];
  #loaded!: LoadedLog;

  constructor(life: Life, recording: Recording, promised: Promised) {
    this.#life = life;
    this.#recording = recording;
    this.#promised = promised;
  }

  get machine(): MvccStateMachine {
    return this.#machine;
  }

  /** Opens what is there, and checks that it is what it must be. */
  async open(): Promise<this> {
    const { files } = this.#life;
    const runner = new InlineWalRunner({ fs: files, schedule: (_, fn) => this.#life.defer(fn) });
    const metadata = Uint8Array.of(7, 7, 7);
    this.#wal = Wal.open({ dir: '/wal', fs: files, runner, metadata, segmentBytes: 4_096 });
    this.#loaded = this.#wal.load();
    const minAppliedIndex = this.#loaded.start.index;
    const opening = openLevelStore({ directory: '/store', ...ports(this.#life), limits: tinyLimits, minAppliedIndex });
    this.#store = await this.#life.until(opening);
    const scheduler = { defer: this.#life.defer };
    this.#machine = new MvccStateMachine({ store: this.#store, clock: new VirtualClock(), scheduler });
    this.#machine.attach({
      checkpointed: (at) => this.#checkpointed(at),
      failed: (error) => this.failures.push(error),
    });
    this.#checkLog();
    await this.#checkState();
    await this.#replay();
    return this;
  }

  /** Does what is left of the recording. */
  async run(): Promise<void> {
    for (const step of this.#recording.steps) {
      const at = step.kind === 'snapshot' ? step.meta.index : step.entry.index;
      if (at <= this.#machine.applied().index) continue;
      if (step.kind === 'snapshot') await this.#takeSnapshot(step);
      else await this.#takeEntry(step.entry);
    }
    await this.#life.drain();
    expect(this.failures).toEqual([]);
  }

  /** The end is what it is on a member that nothing happened to. */
  async checkEnd(): Promise<void> {
    await this.#checkState();
    const { machine } = this;
    expect(machine.applied().index).toBe(Math.max(...this.#recording.truths.keys()));
    const found = await keptChanges(this.#store, machine.compactRevision, machine.revision, this.#life);
    expect(found).toEqual(this.#recording.changes);
    expect(this.failures).toEqual([]);
  }

  async close(): Promise<void> {
    await this.#life.until(this.#machine.close());
    await this.#life.until(this.#wal.close());
  }

  #checkLog(): void {
    const { start, entries, hardState } = this.#loaded;
    const last = start.index + entries.length;
    expect(last).toBeGreaterThanOrEqual(this.#promised.index);
    expect(hardState.term).toBeGreaterThanOrEqual(this.#promised.term);
    entries.forEach(({ index, data }, at) => {
      expect(index).toBe(start.index + at + 1);
      const wanted = this.#recording.entries.get(index) as CommittedEntry;
      if (Buffer.compare(data, entryData(wanted)) !== 0) expect(data).toEqual(entryData(wanted));
    });
    this.#durable = last;
  }

  /** What the store has is one applied index, whole, that the own log reaches, and not before the last checkpoint. */
  async #checkState(): Promise<void> {
    const { index } = this.#machine.applied();
    expect(index).toBeGreaterThanOrEqual(Math.max(this.#loaded.start.index, this.#promised.checkpoint));
    expect(index).toBeLessThanOrEqual(this.#durable);
    const content = await this.#life.until(this.#store.contentHash());
    if (index === 0) {
      expect(content.keys).toBe(0);
      return;
    }
    const truth = this.#recording.truths.get(index);
    expect({ state: this.#machine.stateHash(), content }).toEqual({ state: truth?.state, content: truth?.content });
    expect(this.#machine.compactRevision).toBe(truth?.compactRevision);
  }

  async #replay(): Promise<void> {
    this.#machine.logDurable(this.#durable);
    for (const { index } of this.#loaded.entries)
      if (index > this.#machine.applied().index)
        await this.#apply(this.#recording.entries.get(index) as CommittedEntry);
  }

  async #apply(entry: CommittedEntry): Promise<void> {
    if (entry.index === 2) this.#machine.applyCluster(entry, cluster);
    else await applyEntry(this.#machine, entry, this.#life);
    expect(this.#machine.stateHash()).toEqual(this.#recording.truths.get(entry.index)?.state);
  }

  /** Half of the entries are committed by the others' disks before they are on this one. */
  async #takeEntry(entry: CommittedEntry): Promise<void> {
    const { index, term } = entry;
    const written = this.#append({
      entries: [{ index, term, kind: 'normal', data: entryData(entry) }],
      hardState: { term, vote: 1, commit: index - 1 },
    }).then(() => this.#durableTo(index, term));
    written.catch((error: unknown) => this.failures.push(error as Error));
    if (index % 2 === 0) {
      await this.#apply(entry);
      // Not all of it is waited for: the disk is a few entries behind.
      if (index % 8 !== 0) {
        await this.#someSteps(index % 5);
        return;
      }
    }
    await this.#life.until(written);
    if (index % 2 !== 0) await this.#apply(entry);
    await this.#someSteps(index % 3);
  }

  async #someSteps(steps: number): Promise<void> {
    for (let more = steps; more > 0; more--) {
      this.#life.step();
      await this.#life.until(Promise.resolve());
    }
  }

  async #takeSnapshot({ meta, content }: SnapshotStep): Promise<void> {
    const sink = await this.#life.until(this.#machine.receiveSnapshot(meta));
    for (let at = sink.offset; at < content.length; at += 700)
      await this.#life.until(sink.write(content.subarray(at, at + 700)));
    await this.#life.until(sink.commit());
    const hardState = { term: meta.term, vote: 1, commit: meta.index };
    await this.#life.until(this.#append({ entries: [], snapshot: meta, hardState }));
    this.#durableTo(meta.index, meta.term);
    this.#machine.installSnapshot(meta);
    this.#promised.checkpoint = meta.index;
    this.#checkpoints = [{ index: meta.index, term: meta.term }];
  }

  #durableTo(index: number, term: number): void {
    this.#durable = Math.max(this.#durable, index);
    this.#promised.index = Math.max(this.#promised.index, index);
    this.#promised.term = Math.max(this.#promised.term, term);
    this.#machine.logDurable(this.#durable);
  }

  /** As the driver does: the log goes behind the checkpoint before this one. */
  #checkpointed(at: { readonly index: number; readonly term: number }): void {
    this.#promised.checkpoint = at.index;
    this.#checkpoints.push(at);
    const previous = this.#checkpoints.at(-2);
    if (previous !== undefined) this.#wal.release(previous);
  }

  #append(batch: Omit<AppendBatch, 'seq' | 'mustSync'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wal.append({ seq: ++this.#seq, mustSync: true, ...batch }, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }
}
