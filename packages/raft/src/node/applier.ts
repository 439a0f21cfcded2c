import { invariant } from '@coterie/errors';
import type { RaftCore } from '../core/core.js';
import type { Entry, Index } from '../core/messages.js';
import type { Observer } from '../ports/observer.js';
import type { ClusterState, CommittedEntry, StateMachine } from '../ports/state-machine.js';
import { decodeEntryBatch } from './entry-batch.js';
import { decodeMemberChange, nextMembers } from './member-records.js';

const noCommands: readonly Uint8Array[] = [];
/** Entries that the machine has been told of before they are committed; further ones it hears of when they are. */
const foreseenMax = 64;

/**
 * Commands that are applied at a stretch, an entry counting as one at the least: some milliseconds. A member that comes
 * back has a checkpoint's worth of them to apply, and an application beside it.
 */
const stretchCommands = 1_000;

/**
 * Hands committed entries to the state machine, one after the other, in order.
 *
 * An entry whose keys are still being loaded stops the queue, never the event loop; what is committed meanwhile queues
 * up behind it.
 */
export class Applier {
  readonly #core: RaftCore;
  readonly #machine: StateMachine;
  readonly #observer: Observer;
  readonly #resume: () => void;
  #queue: Entry[] = [];
  #head = 0;
  #decoded: CommittedEntry | undefined;
  /** By index. An entry that another leader replaces stays until its index is applied. */
  readonly #foreseen = new Map<Index, CommittedEntry>();
  #preparing = false;
  #prepared = 0;
  #stretch = stretchCommands;
  #applied: Index;
  #cluster: ClusterState;

  /** @param resume called when a load that stopped the queue has ended */
  constructor(core: RaftCore, machine: StateMachine, observer: Observer, resume: () => void) {
    this.#core = core;
    this.#machine = machine;
    this.#observer = observer;
    this.#resume = resume;
    this.#applied = machine.applied().index;
    this.#cluster = machine.cluster() ?? { conf: core.conf, members: [] };
  }

  get applied(): Index {
    return this.#applied;
  }

  get cluster(): ClusterState {
    return this.#cluster;
  }

  /** Entries that wait for the state machine. */
  get backlog(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * How often the machine was asked to load something, while it is loading; undefined while nothing waits for that.
   */
  get loading(): number | undefined {
    return this.#preparing ? this.#prepared : undefined;
  }

  /** More could be applied, and waits for the next stretch. */
  get paused(): boolean {
    return this.#stretch <= 0 && this.backlog > 0 && !this.#preparing;
  }

  /** Others have had the event loop. */
  beginStretch(): void {
    this.#stretch = stretchCommands;
  }

  push(entries: readonly Entry[]): void {
    for (const entry of entries) this.#queue.push(entry);
  }

  /** Entries that are on their way into the log: the machine may load what they will read while they are synced. */
  foresee(entries: readonly Entry[]): void {
    if (this.#machine.foresee === undefined) return;
    for (const entry of entries) {
      // One that was committed first is being loaded by now, and nobody would take it out again.
      if (entry.kind !== 'normal' || entry.index <= (this.#decoded?.index ?? this.#applied)) continue;
      if (this.#foreseen.size >= foreseenMax && !this.#foreseen.has(entry.index)) return;
      const decoded = decode(entry);
      this.#foreseen.set(entry.index, decoded);
      this.#machine.foresee(decoded);
    }
  }

  /** Applies what is ready, to the end of the stretch. @returns whether anything was applied */
  run(): boolean {
    const before = this.#applied;
    while (this.#head < this.#queue.length && !this.#preparing && this.#stretch > 0) {
      const entry = this.#queue[this.#head]!;
      invariant(entry.index === this.#applied + 1, 'entries apply without a gap', {
        index: entry.index,
        applied: this.#applied,
      });
      if (!this.#applyOne(entry)) break;
      this.#head++;
      this.#stretch -= Math.max(1, this.#decoded?.commands.length ?? 0);
      this.#decoded = undefined;
      this.#applied = entry.index;
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    if (this.#applied === before) return false;
    this.#core.applied(this.#applied);
    this.#observer({ type: 'applied', index: this.#applied });
    return true;
  }

  /** A snapshot has become the state: what was queued before it is in it. */
  installed(index: Index): void {
    this.#queue = [];
    this.#head = 0;
    this.#decoded = undefined;
    this.#foreseen.clear();
    this.#preparing = false;
    this.#applied = index;
    const cluster = this.#machine.cluster();
    invariant(cluster !== undefined, 'a snapshot carries the cluster');
    this.#cluster = cluster;
    this.#observer({ type: 'conf', index, conf: cluster.conf });
  }

  #applyOne(entry: Entry): boolean {
    if (entry.kind === 'conf') {
      this.#foreseen.delete(entry.index);
      this.#applyConf(entry);
      return true;
    }
    this.#decoded ??= this.#takeForeseen(entry) ?? decode(entry);
    const decoded = this.#decoded;
    // The callback may come after a snapshot has replaced the queue: it then speaks of an entry that no longer waits.
    const ready = this.#machine.prepare(decoded, () => {
      if (this.#decoded !== decoded) return;
      this.#preparing = false;
      this.#resume();
    });
    if (!ready) {
      this.#preparing = true;
      this.#prepared++;
      return false;
    }
    this.#machine.apply(decoded);
    return true;
  }

  #takeForeseen({ index, term }: Entry): CommittedEntry | undefined {
    const foreseen = this.#foreseen.get(index);
    if (foreseen === undefined) return undefined;
    this.#foreseen.delete(index);
    // Index and term name an entry: one of another term has been replaced by another leader's.
    return foreseen.term === term ? foreseen : undefined;
  }

  #applyConf(entry: Entry): void {
    const { change, context } = decodeMemberChange(entry);
    const conf = this.#core.applyConfChange(change, entry.index);
    this.#cluster = { conf, members: nextMembers(this.#cluster.members, change, context, conf) };
    this.#machine.applyCluster({ index: entry.index, term: entry.term }, this.#cluster);
    this.#observer({ type: 'conf', index: entry.index, conf });
  }
}

function decode(entry: Entry): CommittedEntry {
  const { index, term } = entry;
  if (entry.kind === 'empty') return { index, term, stampMs: 0, wallMs: 0, commands: noCommands };
  return { index, term, ...decodeEntryBatch(entry.data) };
}
