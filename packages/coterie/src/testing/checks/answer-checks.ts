import type { Message } from '@coterie/raft';
import type { DiskTruth } from './disk-truth.js';
import type { LogChecks } from './log-checks.js';

type Point = Pick<Message & { readonly type: 'vote' }, 'lastIndex' | 'lastTerm'>;

/** Questions that are kept: an answer to one that is older is not checked. */
const keptMax = 10_000;

/** What members answer each other, held against what was known when they were asked: read indexes and refused votes. */
export class AnswerChecks {
  readonly #log: LogChecks;
  readonly #leases: boolean;
  readonly #report: (problem: string) => void;
  /** What was committed, anywhere, when a read was asked for. */
  readonly #reads = new Map<string, number>();
  readonly #candidates = new Map<string, Point>();

  /** @param leases members may refuse their vote for the sake of a promise */
  constructor(log: LogChecks, leases: boolean, report: (problem: string) => void) {
    this.#log = log;
    this.#leases = leases;
    this.#report = report;
  }

  send(truth: DiskTruth, message: Message): void {
    const { type, term, from, to } = message;
    if (type === 'readIndex') keep(this.#reads, `${from}/${message.context}`, this.#log.committedIndex);
    else if (type === 'vote') keep(this.#candidates, `${from}/${term}`, message);
    else if (type === 'readIndexResponse') this.#checkRead(truth, `${to}/${message.context}`, message.index);
    else if (type === 'voteResponse' && message.reject) this.#checkRefusal(truth, to, term);
  }

  /**
   * The round that answers a read begins after it was asked for, and confirms that nobody led a later term then: so its
   * index covers all that anybody had committed by that time (thesis §6.4), which is more than what clients had seen.
   */
  #checkRead(truth: DiskTruth, question: string, index: number | undefined): void {
    const committed = this.#reads.get(question);
    this.#reads.delete(question);
    if (index === undefined || committed === undefined || index >= committed) return;
    this.#report(
      `read index: ${truth.name} answers ${index} to a read that was asked for when ${committed} was committed`,
    );
  }

  /**
   * A vote that nothing stands against must be given, by learners too: the candidate may need it (etcd PR #10998).
   * Whether this member has heard a leader of the term only it knows, so there must not have been one.
   */
  #checkRefusal(truth: DiskTruth, candidate: number, term: number): void {
    const { hard, staged } = truth;
    const asked = this.#candidates.get(`${candidate}/${term}`);
    if (asked === undefined || this.#leases || hard.term !== term || hard.vote !== 0 || this.#log.hasLeader(term))
      return;
    const lastTerm = staged.termAt(staged.lastIndex) ?? 0;
    if (asked.lastTerm < lastTerm || (asked.lastTerm === lastTerm && asked.lastIndex < staged.lastIndex)) return;
    this.#report(`vote refused: ${truth.name} has no reason to refuse ${candidate} its vote in term ${term}`);
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= keptMax) map.clear();
  map.set(key, value);
}
