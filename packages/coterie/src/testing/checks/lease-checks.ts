import type { SimMember } from '../sim-member.js';

/**
 * A lease excludes every other leader (thesis §6.4.1): nobody holds one of an earlier term once anybody leads a later
 * one, by whatever each member's own clock says.
 *
 * Asked of every earlier leader when a leader is elected, and of each of them whenever it does something: a lease that
 * is kept too long shows although no client happens to read by it.
 */
export class LeaseChecks {
  readonly #report: (problem: string) => void;
  /** Processes that have led: only those can hold a lease. */
  readonly #holders = new Set<SimMember>();
  #term = 0;

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  /** A member leads a term. */
  leads(member: SimMember, term: number): void {
    this.#term = Math.max(this.#term, term);
    for (const holder of this.#holders) {
      if (holder.dead) this.#holders.delete(holder);
      else this.#check(holder);
    }
    this.#holders.add(member);
  }

  /** A member does something. */
  acts(member: SimMember): void {
    if (this.#holders.has(member)) this.#check(member);
  }

  #check({ name, engine }: SimMember): void {
    const node = engine.replica?.node;
    if (node === undefined || node.term >= this.#term || !node.leaseHeld) return;
    this.#report(`lease: ${name} holds one of term ${node.term}, and term ${this.#term} has a leader`);
  }
}
