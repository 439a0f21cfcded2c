import { CoterieError } from '@coterie/errors';
import type { WriteRequest, WriteResult } from '@coterie/mvcc';
import type { SeededRandom } from '@coterie/raft/testing';
import type { SimMember } from '../sim-member.js';

/** A write that was acknowledged, or whose fate its client does not know. */
export interface ClientWrite {
  readonly key: string;
  readonly value: string | undefined;
  readonly kind: 'put' | 'delete' | 'add';
  readonly startMs: number;
  state: 'open' | 'acked' | 'refused' | 'unknown';
  revision?: number;
  /** What an add returned. */
  total?: number;
}

/** What the clients of one run did and saw, and what was wrong with it while it ran. */
export class ClientHistory {
  readonly writes: ClientWrite[] = [];
  reads = 0;
  /** The highest revision that any finished operation showed: a linearizable read that begins later must see it. */
  seenRevision = 0;
}

const keys = Array.from({ length: 24 }, (_, i) => `key/${String(i).padStart(2, '0')}`);
const counters = ['sum/a', 'sum/b'];

/**
 * One client: one operation after the other, each at a member of its choice, as processes of an application would.
 */
export class SimClient {
  readonly #name: string;
  readonly #random: SeededRandom;
  readonly #history: ClientHistory;
  readonly #report: (problem: string) => void;
  #sequence = 0;

  constructor(name: string, random: SeededRandom, history: ClientHistory, report: (problem: string) => void) {
    this.#name = name;
    this.#random = random;
    this.#history = history;
    this.#report = report;
  }

  /** @param nowMs virtual time */
  async act(member: SimMember, nowMs: number): Promise<void> {
    const draw = this.#random.next();
    if (draw < 0.25) await this.#read(member);
    else if (draw < 0.65) await this.#put(member, nowMs);
    else if (draw < 0.8) await this.#add(member, nowMs);
    else if (draw < 0.9) await this.#delete(member, nowMs);
    else await this.#swap(member, nowMs);
  }

  async #read(member: SimMember): Promise<void> {
    const floor = this.#history.seenRevision;
    const key = this.#random.pick(keys);
    try {
      const { revision } = await member.engine.get({ key, consistency: 'linearizable' }, { timeoutMs: 3000 });
      if (revision < floor) this.#report(`stale read: a read at revision ${revision} began after ${floor} was seen`);
      this.#saw(revision);
      this.#history.reads++;
    } catch (error) {
      assertOperational(error);
    }
  }

  async #put(member: SimMember, startMs: number): Promise<void> {
    const key = this.#random.pick(keys);
    // Unique, so that whatever is found later says who wrote it; sometimes large, so that segments and checkpoints turn
    // over.
    const value = `${this.#name}.${this.#sequence++}${'.'.repeat(this.#random.nextInt(this.#random.chance(0.1) ? 2000 : 60))}`;
    const write: ClientWrite = { key, value, kind: 'put', startMs, state: 'open' };
    await this.#write(member, write, { kind: 'put', key, value: Buffer.from(value), prev: false });
  }

  async #delete(member: SimMember, startMs: number): Promise<void> {
    const key = this.#random.pick(keys);
    const write: ClientWrite = { key, value: undefined, kind: 'delete', startMs, state: 'open' };
    await this.#write(member, write, { kind: 'delete', range: { start: key, end: `${key}\0` }, prev: false });
  }

  async #add(member: SimMember, startMs: number): Promise<void> {
    const key = this.#random.pick(counters);
    const write: ClientWrite = { key, value: undefined, kind: 'add', startMs, state: 'open' };
    await this.#write(member, write, { kind: 'add', key, delta: 1 });
  }

  /** Two keys in one revision, under a compare. */
  async #swap(member: SimMember, startMs: number): Promise<void> {
    const a = this.#random.pick(keys);
    const value = `${this.#name}.${this.#sequence++}`;
    const write: ClientWrite = { key: `pair/${a}`, value, kind: 'put', startMs, state: 'open' };
    const put = (key: string) => ({ kind: 'put', key, value: Buffer.from(value), prev: true }) as const;
    await this.#write(member, write, {
      kind: 'txn',
      compare: [{ target: 'version', range: { start: a, end: `${a}\0` }, sign: '>=', operand: 0 }],
      success: [put(`pair/${a}`), put(`twin/${a}`)],
      failure: [],
    });
  }

  async #write(member: SimMember, write: ClientWrite, request: WriteRequest): Promise<void> {
    this.#history.writes.push(write);
    try {
      const result: WriteResult = await member.engine.write(request, { timeoutMs: 3000 });
      write.state = 'acked';
      write.revision = result.revision;
      if (result.kind === 'add') write.total = result.value;
      this.#saw(result.revision);
    } catch (error) {
      assertOperational(error);
      const { outcome } = error as CoterieError;
      if (outcome === undefined) this.#report(`a failed write without an outcome: ${String(error)}`);
      write.state = outcome === 'not-applied' ? 'refused' : 'unknown';
    }
  }

  #saw(revision: number): void {
    this.#history.seenRevision = Math.max(this.#history.seenRevision, revision);
  }
}

/** A client may be refused; it must never be shown a fault of ours. */
function assertOperational(error: unknown): void {
  if (!(error instanceof CoterieError)) throw error;
}
