import type { AppendBatch, LoadedLog } from '@coterie/raft';
import { entryHash, LogImage } from './log-image.js';

type HardState = NonNullable<AppendBatch['hardState']>;

/** A batch that was given to the log and is not known to be synced. */
export interface StagedBatch {
  readonly first: number;
  readonly terms: readonly number[];
  readonly hashes: readonly number[];
  readonly snapshot: { readonly index: number; readonly term: number } | undefined;
  readonly hardState: HardState | undefined;
  readonly mustSync: boolean;
  /** By the clock of its member. */
  readonly atMs: number;
}

const nothing: HardState = { term: 0, vote: 0, commit: 0 };

/**
 * What one member's log was told to keep, and what of it is certain to survive: the simulator's own knowledge, taken
 * from the calls at the port of the log, never from the member.
 */
export class DiskTruth {
  /** The member's id; 0 before it has one. */
  id = 0;
  /** Everything given to the log by the process that runs now. */
  staged = new LogImage();
  hard = nothing;
  /** What has been synced. */
  disk = new LogImage();
  synced = nothing;
  /** Votes that were synced: term to candidate. */
  readonly votes = new Map<number, number>();
  /** Indexes of the membership changes in the staged log, ascending. */
  confs: number[] = [];
  /** The term in which this member leads; 0 while it does not. */
  leads = 0;
  #pending: StagedBatch[] = [];

  constructor(readonly name: string) {}

  /** The files of the log were removed: a directory that never became a member's begins again. */
  erase(): void {
    this.staged = new LogImage();
    this.disk = new LogImage();
    this.hard = nothing;
    this.synced = nothing;
    this.confs = [];
    this.#pending = [];
  }

  /** @param atMs by the clock of the member */
  stage(batch: AppendBatch, atMs = 0): StagedBatch {
    const staged: StagedBatch = {
      first: batch.entries[0]?.index ?? 0,
      terms: batch.entries.map((entry) => entry.term),
      hashes: batch.entries.map(entryHash),
      snapshot: batch.snapshot,
      hardState: batch.hardState,
      mustSync: batch.mustSync,
      atMs,
    };
    put(this.staged, staged);
    if (batch.hardState !== undefined) this.hard = batch.hardState;
    if (batch.snapshot !== undefined) this.confs = [];
    if (staged.first > 0) {
      while (this.confs.length > 0 && this.confs.at(-1)! >= staged.first) this.confs.pop();
      for (const { kind, index } of batch.entries) if (kind === 'conf') this.confs.push(index);
    }
    this.#pending.push(staged);
    return staged;
  }

  /** The log says that a batch, and every one before it, is durable. */
  durable(batch: StagedBatch): void {
    while (this.#pending.length > 0) {
      const first = this.#pending.shift()!;
      this.#toDisk(first);
      if (first === batch) return;
    }
  }

  /** The batch that has waited longest. */
  get oldest(): StagedBatch | undefined {
    return this.#pending[0];
  }

  /** Up to where the disk holds the log in the form in which it stands, whatever becomes of the writes on their way. */
  get stableIndex(): number {
    let stable = this.disk.lastIndex;
    for (const { first, snapshot } of this.#pending) {
      // Whichever of the two a crash leaves, the log as it was or the mark of the snapshot: what is committed up to the
      // snapshot's index is in both, since the received state is complete before its mark is written.
      if (snapshot !== undefined) stable = Math.min(stable, snapshot.index);
      if (first > 0 && first <= stable) stable = first - 1;
    }
    return stable;
  }

  /**
   * A process begins with what it found: everything that was synced, and as many of the batches on their way as the
   * crash has left, whole and in order.
   *
   * @returns what is wrong with it
   */
  load(log: LoadedLog): string | undefined {
    const found = log.entries.map(entryHash);
    this.leads = 0;
    for (;;) {
      const wrong = this.#difference(log, found);
      if (wrong === undefined) break;
      const next = this.#pending.shift();
      if (next === undefined) return wrong;
      this.#toDisk(next);
    }
    this.#pending = [];
    this.staged = this.disk.copy();
    this.hard = log.hardState;
    this.confs = log.entries.filter(({ kind }) => kind === 'conf').map(({ index }) => index);
    return undefined;
  }

  #toDisk(batch: StagedBatch): void {
    put(this.disk, batch);
    const { hardState } = batch;
    if (hardState === undefined) return;
    if (hardState.vote !== 0) this.votes.set(hardState.term, hardState.vote);
    // Without a sync of its own a commit index may be forgotten again.
    this.synced = batch.mustSync ? hardState : { ...hardState, commit: this.synced.commit };
  }

  #difference(log: LoadedLog, hashes: readonly number[]): string | undefined {
    const { disk, synced } = this;
    const { start, entries, hardState } = log;
    if (hardState.term !== synced.term || hardState.vote !== synced.vote) {
      return `term ${hardState.term} and vote ${hardState.vote} came back, ${synced.term} and ${synced.vote} were synced`;
    }
    if (hardState.commit < synced.commit) return `commit ${hardState.commit} came back, ${synced.commit} was synced`;
    const last = start.index + entries.length;
    if (last !== disk.lastIndex) return `a log up to ${last} came back, ${disk.lastIndex} was synced`;
    const termAtStart = disk.termAt(start.index);
    if (termAtStart !== undefined && termAtStart !== start.term) {
      return `the log starts at ${start.index} of term ${start.term}, the synced entry there is of term ${termAtStart}`;
    }
    const wrong = entries.findIndex(
      ({ index, term }, i) => disk.termAt(index) !== term || disk.hashAt(index) !== hashes[i],
    );
    return wrong < 0 ? undefined : `entry ${entries[wrong]!.index} came back as another one than was synced`;
  }
}

function put(image: LogImage, { first, terms, hashes, snapshot }: StagedBatch): void {
  if (snapshot !== undefined) image.restart(snapshot.index, snapshot.term);
  for (let i = 0; i < terms.length; i++) image.put(first + i, terms[i]!, hashes[i]!);
}
