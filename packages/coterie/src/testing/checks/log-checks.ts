import type { AppendBatch, ConfState, Message } from '@coterie/raft';
import type { DiskTruth, StagedBatch } from './disk-truth.js';
import { LogImage } from './log-image.js';
import { isQuorum } from './quorums.js';

interface Form {
  readonly term: number;
  readonly hash: number;
  readonly termBefore: number | undefined;
}

/**
 * Raft's safety properties (Raft §5, figure 3), checked at the ports of log and network with every batch and message:
 * against everything that any member ever wrote, and against what the simulator knows to be synced.
 *
 * Each check compares only what is new, so that a step costs what it changes.
 */
export class LogChecks {
  readonly #report: (problem: string) => void;
  /** Every form in which an entry of an index was ever written: one a term. */
  readonly #forms: Form[][] = [];
  /** The committed log, as the first who committed had it, and the term in which that was. */
  readonly #committed = new LogImage();
  readonly #commitTerms: number[] = [];
  readonly #speakers = new Map<number, number>();
  readonly #members = new Map<number, DiskTruth>();
  readonly #disks = new Map<string, DiskTruth>();

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  get committedIndex(): number {
    return this.#committed.lastIndex;
  }

  /** Of a committed entry; 0 for one that is not known to be. */
  committedTerm(index: number): number {
    return this.#committed.termAt(index) ?? 0;
  }

  /** Whether any log, of a member that is dead too, holds a membership change behind `index`. */
  hasChangeBehind(index: number): boolean {
    return [...this.#members.values()].some(({ confs }) => (confs.at(-1) ?? 0) > index);
  }

  /** Whether anybody has spoken as the leader of a term. */
  hasLeader(term: number): boolean {
    return this.#speakers.has(term);
  }

  /**
   * A member has its id, in the cluster of this number: for good, and nobody else ever has it. A new disk under an old
   * id is a member that has forgotten what it voted and acknowledged.
   */
  knows(truth: DiskTruth, cluster: number | undefined): void {
    if (truth.id === 0) return;
    this.#members.set(truth.id, truth);
    const owner = `${cluster}/${truth.id}`;
    const known = this.#disks.get(owner);
    this.#disks.set(owner, truth);
    if (known !== undefined && known !== truth)
      this.#report(
        `identity: ${truth.name} takes the id ${truth.id} with another disk than ${known.name} had under it`,
      );
  }

  /**
   * A member gives a batch to its log.
   *
   * @param conf the configuration in force there; undefined while it is being founded
   * @param atMs by the clock of the member
   */
  append(truth: DiskTruth, batch: AppendBatch, conf: ConfState | undefined, atMs: number): StagedBatch {
    const before = truth.hard;
    this.#checkHardState(truth, batch);
    this.#checkSnapshot(truth, batch);
    this.#checkEntries(truth, batch);
    const staged = truth.stage(batch, atMs);
    this.#match(truth, staged);
    if (batch.snapshot === undefined || batch.snapshot.index < truth.hard.commit) {
      this.#commit(truth, before.commit, truth.hard.commit, conf);
    }
    return staged;
  }

  /** Leader completeness: whatever was committed in earlier terms is in the log of a new leader; and who elected it. */
  leads(truth: DiskTruth, term: number, conf: ConfState): void {
    const { staged } = truth;
    let index = this.#committed.lastIndex;
    while (index > 0 && (this.#commitTerms[index] ?? 0) >= term) index--;
    if (index > staged.startIndex && staged.termAt(index) !== this.#committed.termAt(index)) {
      this.#report(
        `leader completeness: ${truth.name} leads term ${term} without entry ${index} of term ` +
          `${this.#committed.termAt(index)}, which is committed`,
      );
    }
    if (!isQuorum(conf, (id) => this.#members.get(id)?.votes.get(term) === truth.id)) {
      this.#report(`votes synced: ${truth.name} leads term ${term} and no quorum has synced a vote for it`);
    }
  }

  /** A committed membership change that is not applied: quorums of two changes at once need not meet. */
  campaigns(truth: DiskTruth, term: number, applied: number): void {
    const unapplied = truth.confs.find((index) => index > applied);
    if (unapplied !== undefined && unapplied <= truth.hard.commit) {
      this.#report(
        `campaign: ${truth.name} campaigns in term ${term}; the change at entry ${unapplied} is committed, not applied`,
      );
    }
  }

  /** What a member says about its own disk must be true whatever happens to it next. */
  send(truth: DiskTruth, message: Message): void {
    const { type, term, to } = message;
    if (type === 'append' || type === 'heartbeat') {
      const speaker = this.#speakers.get(term);
      if (speaker === undefined) this.#speakers.set(term, message.from);
      else if (speaker !== message.from) {
        this.#report(`election safety: members ${speaker} and ${message.from} both speak as leaders of term ${term}`);
      }
    } else if (type === 'voteResponse') {
      const { synced } = truth;
      if (message.reject || synced.term > term || (synced.term === term && synced.vote === to)) return;
      this.#report(`promise synced: ${truth.name} votes for ${to} in term ${term} before that is on its disk`);
    } else if (type === 'appendResponse' && !message.reject) {
      // One for an earlier term is worth nothing to anybody who could count it: whoever overwrites the entry was
      // elected without it by a quorum, and this member would not have acknowledged it after voting.
      if (term < truth.hard.term || message.index <= truth.stableIndex) return;
      this.#report(
        `promise synced: ${truth.name} acknowledges entry ${message.index}, its disk is certain of ${truth.stableIndex}`,
      );
    }
  }

  #checkHardState(truth: DiskTruth, { hardState }: AppendBatch): void {
    if (hardState === undefined) return;
    const { term, vote, commit } = truth.hard;
    if (hardState.term < term) this.#report(`term: ${truth.name} goes back from ${term} to ${hardState.term}`);
    if (hardState.commit < commit)
      this.#report(`commit: ${truth.name} goes back from ${commit} to ${hardState.commit}`);
    if (hardState.term === term && vote !== 0 && hardState.vote !== vote) {
      this.#report(`vote: ${truth.name} has voted for ${vote} and now for ${hardState.vote} in term ${term}`);
    }
  }

  #checkSnapshot(truth: DiskTruth, { snapshot }: AppendBatch): void {
    if (snapshot === undefined) return;
    if (this.#committed.termAt(snapshot.index) === snapshot.term) return;
    this.#report(
      `snapshot: ${truth.name} takes one of entry ${snapshot.index} in term ${snapshot.term}, ` +
        `committed there is term ${this.#committed.termAt(snapshot.index)}`,
    );
  }

  #checkEntries(truth: DiskTruth, { entries, snapshot, hardState }: AppendBatch): void {
    const first = entries[0];
    if (first === undefined) return;
    const last = snapshot?.index ?? truth.staged.lastIndex;
    if (first.index > last + 1) this.#report(`log: ${truth.name} leaves a gap from ${last} to ${first.index}`);
    if (first.index <= truth.hard.commit)
      this.#report(`log: ${truth.name} overwrites ${first.index}, ${truth.hard.commit} is committed there`);
    const { leads } = truth;
    if (leads === 0) return;
    if (first.index <= last) this.#report(`leader append-only: ${truth.name} overwrites ${first.index} in ${leads}`);
    const commit = hardState?.commit ?? truth.hard.commit;
    const changes = entries.filter(({ kind }) => kind === 'conf').map(({ index }) => index);
    const open = [...truth.confs, ...changes].filter((index) => index > commit);
    if (changes.length > 0 && open.length > 1) {
      this.#report(
        `one change at a time: ${truth.name} has proposed those at ${open.join(' and ')}, committed ${commit}`,
      );
    }
  }

  /** Log matching: one entry an index and term, and one before it. By induction everything before it is equal too. */
  #match(truth: DiskTruth, { first, terms, hashes }: StagedBatch): void {
    let before = truth.staged.termAt(first - 1);
    for (let i = 0; i < terms.length; i++) {
      const index = first + i;
      const term = terms[i]!;
      const hash = hashes[i]!;
      const forms = (this.#forms[index] ??= []);
      const known = forms.find((form) => form.term === term);
      if (known === undefined) forms.push({ term, hash, termBefore: before });
      else if (known.hash !== hash || known.termBefore !== before) {
        this.#report(
          `log matching: ${truth.name} holds another entry ${index} of term ${term} than was written before`,
        );
      }
      if (before !== undefined && term < before) this.#report(`log: the term of ${truth.name} falls at ${index}`);
      before = term;
    }
  }

  #commit(truth: DiskTruth, from: number, to: number, conf: ConfState | undefined): void {
    const { staged } = truth;
    const committed = this.#committed;
    if (to > staged.lastIndex) this.#report(`commit: ${truth.name} commits ${to}, its log ends at ${staged.lastIndex}`);
    const known = Math.min(to, committed.lastIndex);
    for (let index = Math.max(from, staged.startIndex) + 1; index <= known; index++) {
      if (staged.termAt(index) === committed.termAt(index) && staged.hashAt(index) === committed.hashAt(index))
        continue;
      this.#report(
        `state machine safety: ${truth.name} commits entry ${index} of term ${staged.termAt(index)}, ` +
          `another of term ${committed.termAt(index)} is committed there`,
      );
      return;
    }
    // Raft §5.4.2: an entry of an earlier term is committed by one of the leader's own behind it, never by counting.
    if (truth.leads !== 0 && to > from && staged.termAt(to) !== truth.leads) {
      this.#report(
        `commit rule: ${truth.name}, leader of term ${truth.leads}, commits entry ${to} of term ${staged.termAt(to)}`,
      );
    }
    if (to <= committed.lastIndex) return;
    if (conf !== undefined) this.#checkCommitted(truth, to, conf);
    for (let index = committed.lastIndex + 1; index <= to; index++) {
      const term = staged.termAt(index);
      if (term === undefined) break;
      committed.put(index, term, staged.hashAt(index) ?? 0);
      this.#commitTerms[index] = truth.hard.term;
    }
  }

  /** Nobody has committed so far before. */
  #checkCommitted(truth: DiskTruth, index: number, conf: ConfState): void {
    const term = truth.staged.termAt(index);
    const holds = (id: number): boolean => this.#members.get(id)?.disk.termAt(index) === term;
    if (isQuorum(conf, holds)) return;
    const who = conf.voters.concat(conf.votersOutgoing).filter(holds);
    this.#report(
      `quorum synced: ${truth.name} commits ${index}; of ${conf.voters.join()}/${conf.votersOutgoing.join()} ` +
        `only ${who.join() || 'nobody'} has it on its disk`,
    );
  }
}
