import { CoterieError, InvariantError } from '@coterie/errors';
import type { RaftCore } from '../core/core.js';
import type { Entry, NodeId, SnapshotMeta } from '../core/messages.js';
import type { AppendBatch, Ready, Role } from '../core/ready.js';
import { Applier } from './applier.js';
import { CommandIntake } from './command-intake.js';
import { CoreWatch } from './core-watch.js';
import { EarlyCampaign } from './early-campaign.js';
import { LeaderLease } from './leader-lease.js';
import { LogRelease } from './log-release.js';
import { LogTime } from './log-time.js';
import { LogWriter } from './log-writer.js';
import { MachineWatch } from './machine-watch.js';
import type { NodeParts } from './node-parts.js';
import { coreConfig, startCore } from './start-core.js';
import { electionTicks } from './options.js';
import { ReadQueue } from './reads.js';
import { SnapshotHolds } from './snapshot-holds.js';
import { SnapshotInstall } from './snapshot-install.js';
import { SnapshotTransfers } from './snapshot-transfers.js';
import { Ticker } from './ticker.js';
import { TurnOutbox } from './turn-outbox.js';

/** Turns of effects that one event may cause before the loop is given back. */
const passesMax = 1000;

/**
 * What happens in a member: every event (a message, a tick, a command, a finished sync) is a step of the core, and what
 * the core wants done becomes calls of the transport, the log and the state machine.
 *
 * Nothing here waits: everything asynchronous comes back as an event, so that a simulator owns every interleaving.
 */
export class TurnLoop {
  readonly core: RaftCore;
  readonly applier: Applier;
  readonly reads: ReadQueue;
  readonly intake: CommandIntake;
  readonly lease: LeaderLease;
  readonly writer: LogWriter;
  readonly logTime: LogTime;
  readonly snapshots: SnapshotTransfers;
  readonly campaign: EarlyCampaign;
  readonly #parts: NodeParts;
  readonly #watch: CoreWatch;
  readonly #machineWatch: MachineWatch;
  readonly #ticker: Ticker;
  readonly #outbox: TurnOutbox;
  readonly #install = new SnapshotInstall();
  readonly #release: LogRelease;
  #turnWaiting = false;
  #turnEnds = false;
  #pumping = false;
  #tick = 0;
  #stopped = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { clock, loaded, machine, observer, options } = parts;
    const config = coreConfig(parts);
    this.core = startCore(parts, config);
    const core = this.core;
    this.#outbox = new TurnOutbox(parts.transport);
    this.applier = new Applier(core, machine, observer, () => this.event(() => undefined));
    this.#machineWatch = new MachineWatch(core, machine, this.applier, options);
    this.reads = new ReadQueue(options.reads);
    this.logTime = new LogTime(clock);
    this.intake = new CommandIntake({
      ...{ core, options, observer, logTime: this.logTime, wall: parts.wall, transport: parts.transport },
      filter: parts.filter,
      overloaded: () => parts.overloaded?.() === true,
      scheduleTurn: () => this.scheduleTurn(),
    });
    this.lease = new LeaderLease(core, clock, config.leasePromiseMs ?? 0, options);
    this.#watch = new CoreWatch(core, observer);
    this.writer = new LogWriter(core, parts.storage, clock, observer, options.electionTimeoutMs);
    const holds = new SnapshotHolds(core, clock, options.snapshotTransferMs);
    this.snapshots = new SnapshotTransfers(
      {
        ...{ snapshots: parts.snapshots, transport: parts.transport, observer, clock, holds },
        sent: (to, ok) => this.event(() => core.reportSnapshot(to, ok)),
        received: (meta, from) => this.#restore(meta, from),
      },
      options.snapshotTransferMs,
    );
    this.#release = new LogRelease(core, parts.storage, holds, options);
    this.campaign = new EarlyCampaign(clock, parts.random, 1.5 * options.heartbeatMs, () =>
      this.event(() => {
        if (core.leader === 0 && !this.writer.stalled) core.campaign();
      }),
    );
    machine.attach({
      checkpointed: (at) => this.event(() => this.#release.checkpointed(at)),
      failed: (error) => this.#fail(error),
    });
    // What was loaded is what the disk held: all of it is durable.
    machine.logDurable(loaded.entries.at(-1)?.index ?? loaded.start.index);
    this.#ticker = new Ticker(clock, parts.turns, options.heartbeatMs, () => this.event(() => this.#onTick()));
    parts.turns.defer(() => this.event(() => undefined));
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** No tick, no message, no callback after it. Reads that wait are refused. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#ticker.stop();
    this.campaign.cancel();
    this.snapshots.close();
    this.intake.clear();
    this.#install.stop();
    this.reads.fail(new CoterieError('ERR_CLOSED', { message: 'the member has stopped' }));
  }

  // ---------------------------------------------------------------------------------------------------------- the turn

  /** What gathers until the end of this turn of the event loop (commands, reads) goes as one. */
  scheduleTurn(): void {
    if (this.#turnWaiting) return;
    this.#turnWaiting = true;
    this.#parts.turns.defer(() => {
      this.#turnWaiting = false;
      this.#turnEnds = true;
      this.event(() => this.#flushTurn());
      this.#turnEnds = false;
    });
  }

  /** Everything that enters goes through here: a fault inside stops this member and never reaches whoever called. */
  event(work: () => void): void {
    if (this.#stopped) return;
    try {
      work();
      if (!this.#pumping) this.#pump();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * What gathered during the turn: one entry of all commands on a leader, one frame to the leader elsewhere; one read
   * round.
   */
  #flushTurn(): void {
    this.intake.flush();
    if (this.reads.gathering > 0 && this.core.leader !== 0) this.core.readIndex(this.reads.open(this.#tick));
  }

  #pump(): void {
    this.#pumping = true;
    this.applier.beginStretch();
    try {
      let passes = 0;
      do {
        this.#watch.look();
        while (this.core.hasReady()) this.#perform(this.core.ready());
        if (++passes > passesMax) {
          this.scheduleTurn();
          break;
        }
      } while (this.#applyCommitted() || this.core.hasReady());
      if (this.applier.paused) this.scheduleTurn();
      if (this.#turnEnds) this.#outbox.flush();
      else if (this.#outbox.flushUrgent()) this.scheduleTurn();
    } finally {
      this.#pumping = false;
    }
  }

  #applyCommitted(): boolean {
    if (!this.applier.run()) return false;
    if (this.core.isLeader && !this.logTime.ready(this.core.term) && this.#appliedOwnTerm()) {
      this.logTime.begin(this.core.term, this.#parts.machine.logTimeMs());
    }
    this.intake.retry();
    this.reads.applied(this.applier.applied);
    return true;
  }

  #appliedOwnTerm(): boolean {
    return this.core.termAt(this.applier.applied) === this.core.term;
  }

  #perform(ready: Ready): void {
    if (ready.position !== undefined) this.lease.sent(ready.position);
    if (ready.soft !== undefined) this.#roleChanged(ready.soft);
    for (const message of ready.send) this.#outbox.push(message);
    if (ready.append !== undefined) this.#append(ready.append);
    if (ready.committed.length > 0) this.applier.push(ready.committed);
    if (ready.reads.length > 0) {
      this.reads.answered(ready.reads, (index, reads) => this.#parts.observer({ type: 'readRound', index, reads }));
      this.reads.applied(this.applier.applied);
    }
    for (const to of ready.snapshotsTo) this.snapshots.begin(to);
  }

  #roleChanged(soft: { readonly leader: NodeId; readonly role: Role; readonly term: number }): void {
    this.logTime.end();
    if (soft.leader !== 0) this.campaign.cancel();
    this.intake.clear();
    this.reads.retry(Infinity);
    if (this.reads.gathering > 0) this.scheduleTurn();
    this.#parts.observer({ type: 'role', ...soft });
  }

  // --------------------------------------------------------------------------------------------------------------- log

  #append(batch: AppendBatch): void {
    if (batch.snapshot !== undefined) this.#install.marked(batch.seq, batch.snapshot);
    // Entries that replace others take what was durable back: a checkpoint of the new ones waits for this very batch.
    this.#parts.machine.logDurable(this.core.durableIndex);
    this.writer.append(batch, (error) => {
      if (error !== undefined) {
        this.#fail(error);
        return;
      }
      this.event(() => this.#durable(batch.seq));
    });
    if (batch.entries.length > 0) this.#foresee(batch.entries);
  }

  /** Not at once: frames and log go first, and the machine works while they do. */
  #foresee(entries: readonly Entry[]): void {
    if (this.#parts.machine.foresee === undefined) return;
    this.#parts.turns.defer(() => this.event(() => this.applier.foresee(entries)));
  }

  #durable(seq: number): void {
    const install = this.#install.take(seq);
    if (install !== undefined) {
      // The mark is durable: now, and not before, the received state may become the current one.
      this.#parts.snapshots.installSnapshot(install.meta);
      this.applier.installed(install.meta.index);
      this.#parts.observer({ type: 'snapshot', action: 'installed', peer: this.#parts.id, index: install.meta.index });
      this.reads.applied(this.applier.applied);
      install.settle(true);
    }
    this.core.appendDurable(seq);
    this.writer.durable();
    this.#parts.machine.logDurable(this.core.durableIndex);
  }

  #restore(meta: SnapshotMeta, from: NodeId): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#stopped) {
        resolve(false);
        return;
      }
      this.#install.ask(resolve);
      this.event(() => {
        if (!this.core.restoreSnapshot(meta, from)) this.#install.refused();
      });
    });
  }

  // ------------------------------------------------------------------------------------------------------------- ticks

  #onTick(): void {
    this.#tick++;
    this.reads.sweep();
    this.snapshots.sweep();
    this.#release.sweep();
    if (this.writer.stalled) {
      // A leader that cannot write must not hold the cluster with its heartbeats (etcd issue 13527), and a member that
      // cannot write is no candidate: its clock stands still until the disk is back.
      if (this.core.isLeader) this.core.stepDown();
      return;
    }
    this.#machineWatch.look();
    this.core.tick();
    this.intake.retry();
    const lostAfter = electionTicks(this.#parts.options);
    this.reads.retry(this.#tick - lostAfter);
    if (this.reads.gathering > 0) this.scheduleTurn();
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.stop();
    const shown =
      error instanceof InvariantError || !(error instanceof CoterieError)
        ? new CoterieError('ERR_CORRUPT', { message: `the member stopped itself: ${error.message}`, cause: error })
        : error;
    this.#parts.observer({ type: 'failed', error: shown });
  }
}
