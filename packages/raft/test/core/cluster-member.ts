import { decodeConfChange } from '../../src/core/conf-change.js';
import { RaftCore } from '../../src/core/core.js';
import { emptyConf } from '../../src/core/membership.js';
import type { ConfState, Entry, Message, NodeId, SnapshotMeta } from '../../src/core/messages.js';
import type { AppendBatch, CoreConfig, HardState, Random, ReadState } from '../../src/core/ready.js';

/** The state of the test's state machine: the entries it has applied, and the configuration they made. */
export interface MachineState {
  readonly index: number;
  readonly term: number;
  readonly conf: ConfState;
}

export interface SnapshotMessage {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly state: MachineState;
}

/** What a member tells the cluster while it works. */
export interface MemberListener {
  sent(messages: readonly Message[]): void;
  snapshotWanted(from: NodeId, to: NodeId): void;
  applied(id: NodeId, entry: Entry): void;
  answered(id: NodeId, read: ReadState): void;
}

/**
 * One member: a core, a disk that finishes writes when it is told to, and a state machine that applies when it is told
 * to.
 */
export class ClusterMember {
  core: RaftCore;
  /** What a crash leaves. */
  private hardState: HardState;
  private log: Entry[] = [];
  private start: { readonly index: number; readonly term: number };
  private checkpoint: MachineState;
  private received: MachineState | undefined;
  /** What it takes away. */
  private writes: AppendBatch[] = [];
  private toApply: Entry[] = [];
  private machine: MachineState;

  constructor(
    readonly id: NodeId,
    private readonly config: CoreConfig,
    private readonly random: Random,
    conf: ConfState,
    private readonly listener: MemberListener,
  ) {
    // The founders begin behind a snapshot that names them; others know nothing, and get that snapshot or a later one.
    const index = conf === emptyConf ? 0 : 1;
    this.checkpoint = { index, term: index, conf };
    this.start = { index, term: index };
    this.hardState = { term: index, vote: 0, commit: index };
    this.machine = this.checkpoint;
    this.core = this.boot();
  }

  /** Whether the disk holds this entry, or a snapshot beyond it. */
  holds(index: number, term: number): boolean {
    if (index <= this.start.index) return true;
    return this.log[index - this.start.index - 1]?.term === term;
  }

  get hasWrites(): boolean {
    return this.writes.length > 0;
  }

  get hasToApply(): boolean {
    return this.toApply.length > 0;
  }

  get appliedIndex(): number {
    return this.machine.index;
  }

  /** Does everything that the core wants done at once; disk and state machine only take notes. */
  drain(): void {
    while (this.core.hasReady()) {
      const ready = this.core.ready();
      this.listener.sent(ready.send);
      if (ready.append !== undefined) this.writes.push(ready.append);
      this.toApply.push(...ready.committed);
      for (const to of ready.snapshotsTo) this.listener.snapshotWanted(this.id, to);
      for (const read of ready.reads) this.listener.answered(this.id, read);
    }
  }

  /** The disk finishes the oldest `count` batches with one sync. */
  finishWrites(count: number): void {
    const done = this.writes.splice(0, count);
    for (const batch of done) this.write(batch);
    const last = done.at(-1);
    if (last === undefined) return;
    if (done.some((batch) => batch.snapshot !== undefined)) this.install();
    this.core.appendDurable(last.seq);
  }

  applyNext(count: number): void {
    for (const entry of this.toApply.splice(0, count)) {
      if (entry.index !== this.machine.index + 1)
        throw new Error(`member ${this.id} applies ${entry.index} out of order`);
      let { conf } = this.machine;
      if (entry.kind === 'conf') {
        const { change } = decodeConfChange(entry.data);
        const steps = change.steps.map((step) => ({ ...step, id: step.id === 0 ? entry.index : step.id }));
        conf = this.core.applyConfChange({ ...change, steps }, entry.index);
      }
      this.machine = { index: entry.index, term: entry.term, conf };
      this.listener.applied(this.id, entry);
      this.core.applied(entry.index);
    }
  }

  /** Makes the state durable, and lets go of the log behind the previous checkpoint. Never ahead of the own log. */
  takeCheckpoint(): void {
    if (this.machine.index <= this.checkpoint.index || !this.holds(this.machine.index, this.machine.term)) return;
    const through = this.checkpoint;
    this.checkpoint = this.machine;
    if (through.index <= this.start.index) return;
    this.log.splice(0, through.index - this.start.index);
    this.start = { index: through.index, term: through.term };
    this.core.compact(through.index);
  }

  snapshot(): MachineState {
    return this.checkpoint;
  }

  receiveSnapshot(state: MachineState, from: NodeId): void {
    const meta: SnapshotMeta = { index: state.index, term: state.term, conf: state.conf, size: 0 };
    if (this.core.restoreSnapshot(meta, from)) this.received = state;
  }

  /** The process dies. `survived`: batches whose write reached the disk though nobody was told. */
  crash(survived: number): void {
    for (const batch of this.writes.splice(0, survived)) this.write(batch);
    this.writes = [];
    this.toApply = [];
    this.received = undefined;
    this.machine = this.checkpoint;
    this.core = this.boot();
  }

  private boot(): RaftCore {
    return new RaftCore({
      id: this.id,
      config: this.config,
      random: this.random,
      hardState: this.hardState,
      conf: this.checkpoint.conf,
      start: this.start,
      entries: this.log.slice(),
      applied: this.checkpoint.index,
    });
  }

  private write(batch: AppendBatch): void {
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
    if (batch.snapshot !== undefined) {
      // The data was durable before the core was told of it, so the mark is all that was missing.
      const { index, term, conf } = batch.snapshot;
      this.log = [];
      this.start = { index, term };
      this.checkpoint = { index, term, conf };
    }
    const first = batch.entries[0];
    if (first === undefined) return;
    this.log.length = first.index - this.start.index - 1;
    this.log.push(...batch.entries);
  }

  private install(): void {
    if (this.received === undefined) throw new Error('a mark without a snapshot');
    this.machine = this.checkpoint;
    this.toApply = [];
  }
}
