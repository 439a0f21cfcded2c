import type { Lease, RawEvent } from '@coterie/mvcc';
import type { SimMember } from '../sim-member.js';
import type { SimCounts } from '../sim-counts.js';

/** What a client was told of a lease. */
interface Term {
  /** Log time up to which it must live. */
  untilMs: number;
  /** The entry that was applied where the client heard of it: whoever has applied it knows the lease. */
  index: number;
}

/** What a put of a lease client is to do. */
export interface LeasedPut {
  /** The lease that its key is to have; 'own': a new one, of this time to live. */
  readonly lease: number | 'own' | 'keep';
  /** Of an own lease: log time up to which it must live. */
  readonly untilMs: number;
}

/** A handle, and the process that holds it. */
interface Holding {
  readonly handle: Lease;
  readonly member: SimMember;
  readonly index: number;
}

/** What is counted, so that a batch shows whether leases were tested at all. */
export const leaseCounts = [
  'lease granted',
  'lease renewed',
  'lease attached',
  'lease revoked',
  'lease held at an end',
  'key with a lease of its own',
  'lease expired with its keys',
  'lease revoked with its keys',
  'key gone with its lease',
] as const;

/**
 * Leases as their clients know them, held against what members apply and what watches show.
 *
 * A promise is counted from the highest log time that anybody had applied when the request was sent: its entry comes
 * after that, so the deadline is no earlier than that time and the time to live, whoever leads by then. Nothing here
 * reads the deadlines that the state holds: they are what is tested.
 */
export class LeaseLedger {
  readonly #report: (problem: string) => void;
  readonly #counts: SimCounts;
  readonly #terms = new Map<number, Term>();
  /** Of these, those that are looked for in every state. */
  readonly #due = new Set<number>();
  readonly #revoking = new Set<number>();
  readonly #puts = new Map<string, LeasedPut>();
  readonly #deletes = new Map<string, number>();
  readonly #holdings = new Set<Holding>();
  /** By key, as watches have shown it. */
  readonly #leaseOf = new Map<string, number>();
  readonly #keysOf = new Map<number, Set<string>>();
  readonly #ended = new Set<number>();
  /** By revision: log time by which it was applied. */
  readonly #times: number[] = [];
  /** Whether clocks of members run at about the same rate, as handles need it. */
  readonly #clocksAgree: boolean;
  #index = 0;
  #logTimeMs = 0;

  constructor(report: (problem: string) => void, counts: SimCounts, clocksAgree: boolean) {
    this.#report = report;
    this.#counts = counts;
    this.#clocksAgree = clocksAgree;
    counts.declare(leaseCounts);
  }

  /** The highest log time of any state so far, in ms. */
  get logTimeMs(): number {
    return this.#logTimeMs;
  }

  /** Keys that have a lease, as watches have shown them. */
  get leasedKeys(): number {
    return this.#leaseOf.size;
  }

  /** Leases that clients know of, whatever has become of them. */
  get known(): readonly number[] {
    return [...this.#terms.keys()];
  }

  // --------------------------------------------------------------------------------------------------- what clients do

  /** A request that was sent at a log time of `sentMs` was answered here: the lease lives for `ttlMs` at least. */
  promised(id: number, member: SimMember, sentMs: number, ttlMs: number): void {
    this.#owe(id, sentMs + ttlMs, indexOf(member));
  }

  /** Whether a lease must still be there, for a client that was told otherwise by an entry up to now. */
  owed(id: number): boolean {
    return !this.#revoking.has(id) && (this.#terms.get(id)?.untilMs ?? 0) > this.#logTimeMs;
  }

  /** A handle that its process may rely on from now on. */
  holds(handle: Lease, member: SimMember): void {
    if (this.#clocksAgree) this.#holdings.add({ handle, member, index: indexOf(member) });
  }

  /** Somebody is about to revoke it: from now on it may be gone any time. */
  revoking(id: number): void {
    this.#revoking.add(id);
  }

  /** A put of this value, which no other has, is about to be sent. */
  putting(value: string, put: LeasedPut): void {
    this.#puts.set(value, put);
  }

  /** A delete of a key is about to be sent. */
  deleting(key: string): void {
    this.#deletes.set(key, (this.#deletes.get(key) ?? 0) + 1);
  }

  // ------------------------------------------------------------------------------------------------- what members show

  /** A member has applied entries. */
  applied(member: SimMember): void {
    const machine = member.engine.replica?.machine;
    const hash = machine?.stateHash();
    if (machine === undefined || hash === undefined || hash.index < this.#index) return;
    this.#index = hash.index;
    this.#logTimeMs = machine.logTimeMs();
    while (this.#times.length <= hash.revision) this.#times.push(this.#logTimeMs);
    for (const id of this.#due) {
      const { untilMs, index } = this.#terms.get(id)!;
      if (untilMs <= this.#logTimeMs || this.#revoking.has(id)) this.#due.delete(id);
      else if (index <= hash.index && machine.lease(id) === undefined)
        this.#report(`lease: ${member.name} has ended ${id} by ${this.#logTimeMs}, which was to live until ${untilMs}`);
    }
    for (const holding of this.#holdings) {
      const { handle, index } = holding;
      if (holding.member.dead || handle.signal.aborted) this.#holdings.delete(holding);
      else if (index <= hash.index && machine.lease(handle.id) === undefined) this.#lookAt(holding);
    }
  }

  /** A revision is shown for the first time; all are, in order. */
  shown(revision: number, events: readonly RawEvent[]): void {
    this.#checkEnd(revision, events);
    for (const event of events) {
      const key = event.type === 'put' ? event.entry.key : event.key;
      const before = this.#leaseOf.get(key);
      if (before !== undefined) this.#keysOf.get(before)?.delete(key);
      this.#leaseOf.delete(key);
      if (event.type === 'put') this.#checkPut(revision, event);
      else if (event.reason === 'deleted') this.#checkDelete(revision, key, before);
    }
  }

  #owe(id: number, untilMs: number, index: number): void {
    const known = this.#terms.get(id);
    if (known === undefined) this.#terms.set(id, { untilMs, index });
    else {
      known.untilMs = Math.max(known.untilMs, untilMs);
      known.index = Math.max(known.index, index);
    }
    this.#due.add(id);
  }

  /**
   * Its lease is gone from the state, so the handle must have said so before. A process that stands still says nothing.
   */
  #lookAt(holding: Holding): void {
    const { handle, member } = holding;
    if (member.process.paused) return;
    this.#counts.add('lease held at an end');
    // Whoever revokes a lease of others takes it from under them.
    if (handle.held && !this.#revoking.has(handle.id))
      this.#report(`lease: a handle at ${member.name} still holds ${handle.id}, which is gone`);
    this.#holdings.delete(holding);
  }

  #checkPut(revision: number, { entry }: RawEvent & { readonly type: 'put' }): void {
    const { key, lease, value } = entry;
    if (lease !== 0) {
      if (this.#ended.has(lease)) this.#report(`lease: ${key} at ${revision} is tied to ${lease}, which has ended`);
      this.#leaseOf.set(key, lease);
      const keys = this.#keysOf.get(lease);
      if (keys === undefined) this.#keysOf.set(lease, new Set([key]));
      else keys.add(key);
    }
    const put = this.#puts.get(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
    if (put === undefined || put.lease === 'keep') return;
    if (put.lease === 'own') {
      this.#counts.add('key with a lease of its own');
      if (lease === 0) this.#report(`lease: ${key} at ${revision} has none of its own`);
      // Replaced by the next put, so not looked for in every state.
      else this.#terms.set(lease, { untilMs: put.untilMs, index: 0 });
    } else if (lease !== put.lease) {
      this.#report(`lease: ${key} at ${revision} was put with ${put.lease} and has ${lease}`);
    }
  }

  #checkDelete(revision: number, key: string, lease: number | undefined): void {
    if (lease === undefined) return;
    const left = this.#deletes.get(key) ?? 0;
    if (left === 0) this.#report(`lease: ${key} of ${lease} at ${revision} passes for deleted, and nobody deleted it`);
    this.#deletes.set(key, left - 1);
  }

  /** The keys of a lease go with it all at once, for the reason that it went. */
  #checkEnd(revision: number, events: readonly RawEvent[]): void {
    const gone = events.flatMap((event) => (event.type === 'delete' && event.reason !== 'deleted' ? [event] : []));
    const [first] = gone;
    if (first === undefined) return;
    const { reason } = first;
    const id = this.#leaseOf.get(first.key);
    const wrong = (what: string): void => this.#report(`lease: revision ${revision} (${reason}, of ${id}) ${what}`);
    if (id === undefined) {
      wrong(`takes ${first.key}, which has no lease`);
      return;
    }
    const keys = this.#keysOf.get(id)?.size ?? 0;
    if (gone.some((event) => event.reason !== reason || this.#leaseOf.get(event.key) !== id))
      wrong('ends more than one lease');
    if (gone.length !== events.length || gone.length !== keys) wrong(`takes ${gone.length} of its ${keys} keys`);
    if (reason === 'revoked' && !this.#revoking.has(id)) wrong('was asked for by nobody');
    const { untilMs } = this.#terms.get(id) ?? { untilMs: 0 };
    const byMs = this.#times[revision] ?? Infinity;
    if (reason === 'expired' && byMs < untilMs) wrong(`comes by ${byMs}, it was to live until ${untilMs}`);
    this.#ended.add(id);
    this.#counts.add(`lease ${reason} with its keys`);
    this.#counts.add('key gone with its lease', gone.length);
  }
}

/** A member that builds its state anew cannot say; then no state is asked for what it promised. */
function indexOf(member: SimMember): number {
  return member.engine.replica?.machine.stateHash().index ?? Infinity;
}
