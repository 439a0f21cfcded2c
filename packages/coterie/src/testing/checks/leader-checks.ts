import type { Message } from '@coterie/raft';
import type { SimMember } from '../sim-member.js';

interface Outsider {
  readonly term: number;
  readonly sinceMs: number;
}

/** Who leads, and how: with nothing left of an earlier leadership, and as a voter. */
export class LeaderChecks {
  readonly #heartbeatMs: number;
  readonly #report: (problem: string) => void;
  readonly #outsiders = new WeakMap<SimMember, Outsider>();

  constructor(heartbeatMs: number, report: (problem: string) => void) {
    this.#heartbeatMs = heartbeatMs;
    this.#report = report;
  }

  /** A transfer dies with its term (hashicorp/raft #696): it would keep proposals out, and hand over unasked. */
  begins(member: SimMember, term: number): void {
    const { transferee } = member.engine.replica?.node.status() ?? { transferee: 0 };
    if (transferee === 0) return;
    this.#report(`transfer: ${member.name} begins term ${term} and is still handing over to ${transferee}`);
  }

  /**
   * A leader that has applied that it does not vote any longer steps down (thesis §4.2.2): it would lead on with the
   * votes of others, count on nobody's word that it is alive, and never apply for a place again.
   */
  send(member: SimMember, { type, term, from }: Message): void {
    const { conf } = member.engine.replica?.node.cluster ?? {};
    if (type !== 'heartbeat' || conf === undefined) return;
    if (conf.voters.includes(from) || conf.votersOutgoing.includes(from)) {
      this.#outsiders.delete(member);
      return;
    }
    const { now } = member.process;
    const known = this.#outsiders.get(member);
    if (known?.term !== term) this.#outsiders.set(member, { term, sinceMs: now });
    // One that was on its way when the change was applied may slip out.
    else if (now - known.sinceMs > 2 * this.#heartbeatMs)
      this.#report(`removed leader: ${member.name} leads term ${term} and is no voter since ${now - known.sinceMs} ms`);
  }
}
