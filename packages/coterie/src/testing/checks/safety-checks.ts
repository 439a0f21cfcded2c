import type { NodeOptions, RaftEvent, Transport } from '@coterie/raft';
import type { Identity } from '../../data-dir/identity.js';
import type { MemberLog } from '../../data-dir/storage.js';
import type { SimMember } from '../sim-member.js';
import type { SimMachine } from '../sim-storage.js';
import { AnswerChecks } from './answer-checks.js';
import { ConfChecks } from './conf-checks.js';
import { DiskTruth } from './disk-truth.js';
import { LeaderChecks } from './leader-checks.js';
import { LeaseChecks } from './lease-checks.js';
import { LogChecks } from './log-checks.js';
import { LogTimeChecks } from './log-time-checks.js';
import { StallChecks } from './stall-checks.js';
import { StoreStallChecks } from './store-stall-checks.js';
import { watchedLog } from './watched-log.js';
import { watchedTransport } from './watched-transport.js';

const happening = { appended: 1, synced: 2 };

/**
 * What must hold at every step, over all members and all their lives.
 *
 * The chain of the state machines covers index, term and effects of everything applied, so two members that agree on it
 * at an index have applied the same log up to there, by replay or by snapshot. Everything else is seen at the ports of
 * log and network: see {@link LogChecks}.
 */
export class SafetyChecks {
  readonly #leaders = new Map<number, string>();
  readonly #chains = new Map<number, { readonly chain: number; readonly member: string }>();
  readonly #terms = new Map<SimMember, number>();
  readonly #applied = new Map<SimMember, number>();
  readonly #truths = new Map<SimMachine, { readonly incarnation: number; readonly truth: DiskTruth }>();
  readonly #log: LogChecks;
  readonly #confs: ConfChecks;
  readonly #answers: AnswerChecks;
  readonly #stalls: StallChecks;
  readonly #storeStalls: StoreStallChecks;
  readonly #leading: LeaderChecks;
  readonly #leases: LeaseChecks;
  readonly #logTime: LogTimeChecks;
  readonly #report: (problem: string) => void;
  readonly #happened: (index: number, term: number, what: number) => void;
  leaderChanges = 0;
  appliedIndex = 0;

  /**
   * @param happened told of every batch that is given to a log, and again when it is synced: its end, and which it was
   */
  constructor(
    options: NodeOptions,
    report: (problem: string) => void,
    happened: (index: number, term: number, what: number) => void,
  ) {
    this.#report = report;
    this.#happened = happened;
    this.#log = new LogChecks(report);
    this.#confs = new ConfChecks(report);
    this.#answers = new AnswerChecks(this.#log, options.leaseReads, report);
    this.#stalls = new StallChecks(options.electionTimeoutMs, report);
    this.#storeStalls = new StoreStallChecks(options, report);
    this.#leading = new LeaderChecks(options.heartbeatMs, report);
    this.#leases = new LeaseChecks(report);
    this.#logTime = new LogTimeChecks(report);
  }

  onEvent(member: SimMember, event: RaftEvent): void {
    this.#leases.acts(member);
    if (event.type === 'role') this.#onRole(member, event);
    else if (event.type === 'applied') this.#onApplied(member, event.index);
    else if (event.type === 'conf') this.#confs.inForce(member.name, event.index, event.conf);
  }

  /** The log that a process of `member` opens, watched. */
  watchLog(member: SimMember, log: MemberLog, identity: Identity): MemberLog {
    const truth = this.#truthOf(member);
    truth.id = identity.memberId ?? 0;
    this.#log.knows(truth, identity.uid);
    return watchedLog(log, {
      loaded: (loaded) => {
        const wrong = member.dead ? undefined : truth.load(loaded);
        if (wrong !== undefined) this.#report(`log on disk: ${member.name}: ${wrong}`);
      },
      appended: (batch) => {
        if (member.dead) return () => undefined;
        this.#logTime.appended(member, truth, batch);
        const { conf } = member.engine.replica?.node.cluster ?? {};
        const staged = this.#log.append(truth, batch, conf, member.process.now);
        const { index, term } = batch.entries.at(-1) ?? { index: 0, term: truth.hard.term };
        this.#happened(index, term, happening.appended);
        return () => {
          if (member.dead) return;
          this.#happened(index, term, happening.synced);
          truth.durable(staged);
        };
      },
    });
  }

  /** Whether any log holds a membership change behind `index`. */
  hasChangeBehind(index: number): boolean {
    return this.#log.hasChangeBehind(index);
  }

  /** The log of a directory that never became a member's is gone. */
  logErased(member: SimMember): void {
    if (!member.dead) this.#truthOf(member).erase();
  }

  /** The state of a process is another one now, at an earlier entry perhaps. */
  rebuilt(member: SimMember): void {
    this.#applied.delete(member);
  }

  /** The network of a process of `member`, watched. */
  watchTransport(member: SimMember, transport: Transport): Transport {
    return watchedTransport(transport, (message) => {
      if (member.dead) return;
      const truth = this.#truthOf(member);
      this.#leases.acts(member);
      this.#log.send(truth, message);
      this.#answers.send(truth, message);
      this.#stalls.send(truth, message, member.process.now);
      this.#storeStalls.send(member, message);
      this.#leading.send(member, message);
    });
  }

  /** A checkpoint is durable: its state must not be ahead of what a crash leaves of the member's own log. */
  checkpointed(member: SimMember, index: number): void {
    const { stableIndex } = this.#truthOf(member);
    if (member.dead || index <= stableIndex) return;
    this.#report(`checkpoint: ${member.name} has one of entry ${index}, its log is certain of ${stableIndex}`);
  }

  /** A wiped disk is another member's. */
  #truthOf({ name, machine }: SimMember): DiskTruth {
    const known = this.#truths.get(machine);
    if (known?.incarnation === machine.incarnation) return known.truth;
    const truth = new DiskTruth(name);
    this.#truths.set(machine, { incarnation: machine.incarnation, truth });
    return truth;
  }

  #onRole(member: SimMember, event: RaftEvent & { type: 'role' }): void {
    const truth = this.#truthOf(member);
    truth.leads = event.role === 'leader' ? event.term : 0;
    const who = `${member.name}#${member.machine.incarnation}`;
    // Within one process: a term that was not synced before a crash may be forgotten with everything that was not said
    // in it.
    const before = this.#terms.get(member) ?? 0;
    if (event.term < before) this.#report(`term: ${member.name} goes back from ${before} to ${event.term}`);
    this.#terms.set(member, event.term);
    const node = member.engine.replica?.node;
    if (event.role === 'preCandidate' || event.role === 'candidate')
      this.#log.campaigns(truth, event.term, node?.appliedIndex ?? Infinity);
    if (event.role !== 'leader') return;
    this.#leases.leads(member, event.term);
    this.#logTime.leads(member, event.term);
    const leader = this.#leaders.get(event.term);
    if (leader === undefined) {
      this.#leaders.set(event.term, who);
      this.leaderChanges++;
    } else if (leader !== who)
      this.#report(`election safety: term ${event.term} has two leaders, ${leader} and ${who}`);
    this.#leading.begins(member, event.term);
    if (node !== undefined) this.#log.leads(truth, event.term, node.cluster.conf);
  }

  #onApplied(member: SimMember, index: number): void {
    const hash = member.engine.replica?.machine.stateHash();
    if (hash === undefined || hash.index !== index) return;
    const last = this.#applied.get(member) ?? 0;
    if (index <= last) this.#report(`apply order: ${member.name} applied entry ${index} after ${last}`);
    if (index > this.#log.committedIndex)
      this.#report(`apply order: ${member.name} applied entry ${index}, committed is ${this.#log.committedIndex}`);
    this.#applied.set(member, index);
    this.appliedIndex = Math.max(this.appliedIndex, index);
    this.#logTime.applied(member, index, this.#log.committedTerm(index));
    const known = this.#chains.get(index);
    if (known === undefined) this.#chains.set(index, { chain: hash.chain, member: member.name });
    else if (known.chain !== hash.chain) {
      this.#report(
        `states differ: at entry ${index} ${member.name} has ${hash.chain}, ${known.member} had ${known.chain}`,
      );
    }
  }
}
