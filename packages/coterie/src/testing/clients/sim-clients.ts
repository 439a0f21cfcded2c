import { CoterieError } from '@coterie/errors';
import type { Consistency, RawEntry, WriteRequest, WriteResult } from '@coterie/mvcc';
import type { SeededRandom } from '@coterie/raft/testing';
import type { SimMember } from '../sim-member.js';
import type { ClientHistory, ClientRead, ClientWrite } from './client-history.js';

export const clientKeys = Array.from({ length: 24 }, (_, i) => `key/${String(i).padStart(2, '0')}`);
const counters = ['sum/a', 'sum/b'];
/** Writes that one client hands to one process at once. */
const burstMax = 8;

type NewWrite = Pick<ClientWrite, 'kind' | 'key' | 'value' | 'expected' | 'wantsPrev'>;

/** What a client may know of the run beside its own calls. */
export interface ClientWorld {
  readonly history: ClientHistory;
  /** Everything before it may be compacted: whoever records the changes has seen them. */
  compactBelow(): number;
  report(problem: string): void;
  /** A quota, or a full disk. */
  refusedForSpace(error: CoterieError): void;
}

/** One client: one operation, or one burst of writes, after the other, each at a member of its choice. */
export class SimClient {
  readonly #name: string;
  readonly #random: SeededRandom;
  readonly #world: ClientWorld;
  /** The revision at which this client last saw each key change. */
  readonly #known = new Map<string, number>();
  readonly #patienceMs: number;
  #sequence = 0;

  constructor(name: string, random: SeededRandom, world: ClientWorld) {
    this.#name = name;
    this.#random = random;
    this.#world = world;
    this.#patienceMs = random.pick([3000, 3000, 3000, 200, 20]);
  }

  async act(member: SimMember): Promise<void> {
    const draw = this.#random.next();
    if (draw < 0.22) await this.#get(member);
    else if (draw < 0.27) await this.#range(member);
    else if (draw < 0.55) await this.#put(member);
    else if (draw < 0.65) await this.#add(member);
    else if (draw < 0.72) await this.#delete(member);
    else if (draw < 0.79) await this.#pair(member);
    else if (draw < 0.89) await this.#swap(member);
    else if (draw < 0.92) await this.#conditionalPut(member);
    else if (draw < 0.98) await this.#burst(member);
    else await this.#compact(member);
  }

  // ------------------------------------------------------------------------------------------------------------- reads

  async #get(member: SimMember): Promise<void> {
    const key = this.#random.pick(clientKeys);
    const consistency = this.#random.pick<Consistency>(['linearizable', 'linearizable', 'lease', 'serializable']);
    await this.#read(member, key, consistency, false, async () => {
      const { revision, entry } = await member.engine.get({ key, consistency }, { timeoutMs: this.#patienceMs });
      return { revision, entries: entry === undefined ? [] : [entry] };
    });
  }

  async #range(member: SimMember): Promise<void> {
    const consistency = this.#random.pick<Consistency>(['linearizable', 'lease', 'serializable']);
    await this.#read(member, 'key/', consistency, true, () =>
      member.engine.range(
        {
          range: { start: 'key/', end: 'key0' },
          consistency,
          limit: 0,
          reverse: false,
          keysOnly: false,
          countOnly: false,
        },
        { timeoutMs: this.#patienceMs },
      ),
    );
  }

  async #read(
    member: SimMember,
    key: string,
    consistency: Consistency,
    range: boolean,
    ask: () => Promise<{ readonly revision: number; readonly entries: readonly RawEntry[] }>,
  ): Promise<void> {
    const { history } = this.#world;
    const read: ClientRead = {
      key,
      member,
      consistency,
      range,
      shownBefore: history.shown(member),
      start: history.next(),
      end: 0,
      state: 'open',
      revision: 0,
      seen: [],
    };
    try {
      const { revision, entries } = await history.call(member, ask);
      read.end = history.next();
      read.state = 'acked';
      read.revision = revision;
      read.seen = entries.map((entry) => ({
        key: entry.key,
        value: textOf(entry.value),
        modRevision: entry.modRevision,
      }));
      for (const { key: seen, modRevision } of read.seen) this.#known.set(seen, modRevision);
      history.show(member, revision);
      (consistency === 'linearizable' ? history.linearizableReads : history.otherReads).push(read);
    } catch (error) {
      assertOperational(error);
    }
  }

  // ------------------------------------------------------------------------------------------------------------ writes

  /**
   * No two are equal, so that whatever is found later says who wrote it; some are large, so that segments turn over.
   */
  #newValue(): string {
    const padding = this.#random.nextInt(this.#random.chance(0.1) ? 2000 : 60);
    return `${this.#name}.${this.#sequence++}${'.'.repeat(padding)}`;
  }

  #put(member: SimMember): Promise<void> {
    const key = this.#random.pick(clientKeys);
    const value = this.#newValue();
    const prev = this.#random.chance(0.2);
    const write = { key, value, kind: 'put', wantsPrev: prev } as const;
    return this.#write(member, write, { kind: 'put', key, value: Buffer.from(value), prev });
  }

  #conditionalPut(member: SimMember): Promise<void> {
    return this.#ifUnchanged(member, (key, value, ifRevision) => {
      return { kind: 'put', key, value: Buffer.from(value), prev: false, ifRevision };
    });
  }

  #delete(member: SimMember): Promise<void> {
    const key = this.#random.pick(clientKeys);
    const prev = this.#random.chance(0.3);
    return this.#write(
      member,
      { key, value: undefined, kind: 'delete', wantsPrev: prev },
      { kind: 'delete', range: oneKey(key), prev },
    );
  }

  #add(member: SimMember): Promise<void> {
    const key = this.#random.pick(counters);
    return this.#write(member, { key, value: undefined, kind: 'add' }, { kind: 'add', key, delta: 1 });
  }

  /** Two keys in one revision. */
  #pair(member: SimMember): Promise<void> {
    const of = this.#random.pick(clientKeys);
    const value = this.#newValue();
    return this.#write(
      member,
      { key: `pair/${of}`, value, kind: 'pair' },
      {
        kind: 'txn',
        compare: [{ target: 'version', range: oneKey(of), sign: '>=', operand: 0 }],
        success: [putOf(`pair/${of}`, value), putOf(`twin/${of}`, value)],
        failure: [],
      },
    );
  }

  #swap(member: SimMember): Promise<void> {
    return this.#ifUnchanged(member, (key, value, operand) => ({
      kind: 'txn',
      compare: [{ target: 'modRevision', range: oneKey(key), sign: '==', operand }],
      success: [putOf(key, value)],
      failure: [],
    }));
  }

  /** Succeeds if nobody has changed the key since this client saw it. */
  #ifUnchanged(
    member: SimMember,
    request: (key: string, value: string, expected: number) => WriteRequest,
  ): Promise<void> {
    const key = this.#random.pick(clientKeys);
    const value = this.#newValue();
    const expected = this.#known.get(key) ?? 0;
    return this.#write(member, { key, value, kind: 'swap', expected }, request(key, value, expected));
  }

  /** Several writes without waiting for any: they are to be applied in this order. */
  async #burst(member: SimMember): Promise<void> {
    const count = 2 + this.#random.nextInt(burstMax - 1);
    await Promise.all(
      Array.from({ length: count }, () => (this.#random.chance(0.8) ? this.#put(member) : this.#add(member))),
    );
  }

  #compact(member: SimMember): Promise<void> {
    const revision = this.#world.compactBelow() - this.#random.nextInt(200);
    if (revision < 1) return this.#get(member);
    const physical = revision % 3 === 0;
    return this.#write(member, { key: '', value: undefined, kind: 'compact' }, { kind: 'compact', revision, physical });
  }

  async #write(member: SimMember, what: NewWrite, request: WriteRequest): Promise<void> {
    const { history } = this.#world;
    const write: ClientWrite = { ...what, member, start: history.next(), end: 0, state: 'open', revision: 0 };
    history.writes.push(write);
    try {
      const timeoutMs = this.#patienceMs;
      const result = await history.call(member, () => member.engine.write(request, { timeoutMs }));
      write.end = history.next();
      write.state = 'acked';
      this.#took(write, result);
      history.show(member, result.revision);
    } catch (error) {
      assertOperational(error);
      const { outcome, code } = error as CoterieError;
      if (code === 'ERR_NO_SPACE') this.#world.refusedForSpace(error as CoterieError);
      if (outcome === undefined) this.#world.report(`outcome: a failed write without an outcome: ${String(error)}`);
      write.state = outcome === 'not-applied' ? 'refused' : 'unknown';
      // Only what entries it returned may be gone: what they were at is compacted. A put that was refused returns one.
      const returnsEntries = what.wantsPrev === true || (request.kind === 'put' && request.ifRevision !== undefined);
      if (code === 'ERR_RESULT_GONE' && !returnsEntries)
        this.#world.report(`results: that of a ${what.kind} is gone, although few are open: ${String(error)}`);
    }
  }

  #took(write: ClientWrite, result: WriteResult): void {
    write.revision = result.revision;
    if (result.kind === 'txn') write.changed = result.succeeded;
    else if (result.kind === 'put') write.changed = result.ok;
    else if (result.kind === 'delete') write.changed = result.ok && result.deleted > 0;
    else write.changed = result.kind === 'add';
    if (result.kind === 'add') write.total = result.value;
    if (write.wantsPrev === true && result.kind === 'put' && result.ok)
      write.prev = result.prev === undefined ? null : textOf(result.prev.value);
    if (write.wantsPrev === true && result.kind === 'delete' && result.ok) {
      const [prev] = result.prev ?? [];
      write.prev = prev === undefined ? null : textOf(prev.value);
    }
    if (write.changed && write.value !== undefined) this.#known.set(write.key, result.revision);
    else if (write.kind === 'delete') this.#known.delete(write.key);
  }
}

function oneKey(key: string): { readonly start: string; readonly end: string } {
  return { start: key, end: `${key}\0` };
}

function putOf(key: string, value: string) {
  return { kind: 'put', key, value: Buffer.from(value), prev: false } as const;
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
}

/** A client may be refused; it must never be shown a fault of ours. */
function assertOperational(error: unknown): void {
  if (!(error instanceof CoterieError)) throw error;
}
