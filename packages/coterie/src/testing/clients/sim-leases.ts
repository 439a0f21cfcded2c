import { CoterieError } from '@coterie/errors';
import {
  createKv,
  KvLifecycle,
  type Kv,
  type KvEngine,
  type Lease,
  type WriteRequest,
  type WriteResult,
} from '@coterie/mvcc';
import { SeededRandom } from '@coterie/raft/testing';
import type { SimMember } from '../sim-member.js';
import type { SimWorld } from '../sim-world.js';

const keys = Array.from({ length: 12 }, (_, i) => `leased/${String(i).padStart(2, '0')}`);
/** In ms. All are over soon after the faults, so that a run ends without leases. */
const timesToLive = [150, 400, 1000, 3000, 8000];
/** Handles and leases that one client remembers. */
const rememberedMax = 16;

/** The store as an application of one process holds it. */
interface Root {
  readonly kv: Kv;
  readonly lifecycle: KvLifecycle;
}

/** Clients that make leases, keep them or let them end, and tie keys to them: through the handles of the public API. */
export class SimLeases {
  readonly #world: SimWorld;
  readonly #roots = new Map<SimMember, Root>();
  /** Leases that any client has made, the newest last. */
  readonly #ids: number[] = [];
  readonly #ttls = new Map<number, number>();
  #given = 0;
  #over = false;

  constructor(world: SimWorld, seed: number) {
    this.#world = world;
    const { leaseClients, simulatedMs } = world.parameters;
    for (let i = 0; i < leaseClients; i++) {
      this.#keepActing(new LeaseClient(`l${i}`, new SeededRandom(Math.imul(seed, 0x2545f491) ^ (0x1ea5e + i)), this));
    }
    if (leaseClients > 0) world.time.schedule(simulatedMs, () => this.#stop());
  }

  get world(): SimWorld {
    return this.#world;
  }

  /** The store at a process. Requests about leases that go through it are noted, those of handles too. */
  kv(member: SimMember): Kv {
    const known = this.#roots.get(member);
    if (known !== undefined) return known.kv;
    const lifecycle = new KvLifecycle();
    const { clock, turns } = member.process;
    // Pauses of `update`, which is not called here.
    const random = (): number => 0.5;
    const kv = createKv(this.#noting(member), { lifecycle, clock, scheduler: turns, random });
    this.#roots.set(member, { kv, lifecycle });
    return kv;
  }

  /** No two leases have the same id, so that it says which one is spoken of. */
  nextId(): number {
    return ++this.#given;
  }

  made(id: number): void {
    this.#ids.push(id);
    if (this.#ids.length > rememberedMax) this.#ids.shift();
  }

  /** Some lease of any client; undefined: there was none yet. */
  some(random: SeededRandom): number | undefined {
    return this.#ids.length === 0 ? undefined : random.pick(this.#ids);
  }

  #noting(member: SimMember): KvEngine {
    const { engine } = member;
    return {
      write: async (request, control) => {
        const sentMs = this.#world.leases.logTimeMs;
        const result = await engine.write(request, control);
        if (!member.dead) this.#note(member, request, result, sentMs);
        return result;
      },
      get: (request, control) => engine.get(request, control),
      range: (request, control) => engine.range(request, control),
      iterate: (request) => engine.iterate(request),
      watch: (request) => engine.watch(request),
      lease: (request, control) => engine.lease(request, control),
      leases: (request) => engine.leases(request),
    };
  }

  #note(member: SimMember, request: WriteRequest, result: WriteResult, sentMs: number): void {
    const { leases, counts } = this.#world;
    if (result.kind === 'grantLease') {
      counts.add('lease granted');
      leases.promised(result.id, member, sentMs, result.ttlMs);
      this.#ttls.set(result.id, result.ttlMs);
    } else if (result.kind === 'attachLease') {
      counts.add('lease attached');
      if (request.kind === 'attachLease' && request.renew) leases.promised(result.id, member, sentMs, result.ttlMs);
    } else if (result.kind === 'renewLeases' && request.kind === 'renewLeases') {
      const lost = new Set(result.lost);
      request.leases.forEach(({ id }, position) => {
        if (lost.has(position)) {
          if (leases.owed(id)) this.#world.report(`lease: ${member.name} was told that ${id} is gone`);
          return;
        }
        counts.add('lease renewed');
        leases.promised(id, member, sentMs, this.#ttls.get(id) ?? 0);
      });
    } else if (result.kind === 'revokeLease') counts.add('lease revoked');
  }

  #keepActing(client: LeaseClient): void {
    const { world } = this;
    const act = (): void => {
      if (this.#over) return;
      world.time.schedule(1 + client.random.nextInt(2 * world.parameters.paceMs), act);
      const alive = world.alive.filter(({ process }) => !process.paused);
      if (alive.length === 0) return;
      client.act(client.random.pick(alive)).catch((error: unknown) => {
        if (!(error instanceof CoterieError)) world.report(`lease: a client saw ${String(error)}`);
      });
    };
    world.time.schedule(1 + client.random.nextInt(2 * world.parameters.paceMs), act);
  }

  /** Handles are let go without a word: what they kept alive runs out. */
  #stop(): void {
    this.#over = true;
    for (const { lifecycle } of this.#roots.values()) lifecycle.close();
    this.#roots.clear();
  }
}

class LeaseClient {
  readonly random: SeededRandom;
  readonly #name: string;
  readonly #shared: SimLeases;
  #handles: { readonly handle: Lease; readonly member: SimMember }[] = [];
  #sequence = 0;
  readonly #patienceMs: number;

  constructor(name: string, random: SeededRandom, shared: SimLeases) {
    this.#name = name;
    this.random = random;
    this.#shared = shared;
    this.#patienceMs = random.pick([3000, 3000, 500]);
  }

  async act(member: SimMember): Promise<void> {
    const draw = this.random.next();
    if (draw < 0.2) await this.#grant(member);
    else if (draw < 0.26) await this.#attach(member);
    else if (draw < 0.52) await this.#putLeased(member);
    else if (draw < 0.62) await this.#putOwn(member);
    else if (draw < 0.7) await this.#put(member, 'keep');
    else if (draw < 0.74) await this.#put(member, 0);
    else if (draw < 0.79) await this.#delete(member);
    else if (draw < 0.92) await this.#renew();
    else await this.#revoke();
  }

  async #grant(member: SimMember): Promise<void> {
    const { random } = this;
    const ttlMs = random.pick(timesToLive);
    const keepAlive = random.chance(0.4);
    const id = random.chance(0.3) ? this.#shared.nextId() : undefined;
    const timeoutMs = this.#patienceMs;
    this.#took(member, await this.#shared.kv(member).lease({ ttlMs, id, keepAlive, timeoutMs }));
  }

  /** Of one that another process may hold as well. */
  async #attach(member: SimMember): Promise<void> {
    const id = this.#shared.some(this.random);
    if (id === undefined) return;
    const keepAlive = this.random.chance(0.3);
    const timeoutMs = this.#patienceMs;
    this.#took(
      member,
      await this.#expecting(id, member, () => this.#shared.kv(member).attachLease(id, { keepAlive, timeoutMs })),
    );
  }

  #took(member: SimMember, handle: Lease): void {
    if (member.dead) return;
    this.#shared.made(handle.id);
    this.#shared.world.leases.holds(handle, member);
    this.#handles.push({ handle, member });
    if (this.#handles.length > rememberedMax) this.#handles.shift();
  }

  async #putLeased(member: SimMember): Promise<void> {
    const id = this.#shared.some(this.random);
    if (id !== undefined) await this.#expecting(id, member, () => this.#put(member, id));
  }

  async #putOwn(member: SimMember): Promise<void> {
    const ttlMs = this.random.pick(timesToLive);
    const value = this.#newValue();
    const { leases } = this.#shared.world;
    leases.putting(value, { lease: 'own', untilMs: leases.logTimeMs + ttlMs });
    await this.#shared.kv(member).put(this.random.pick(keys), value, { ttlMs, timeoutMs: this.#patienceMs });
  }

  /** @param lease 0: none */
  async #put(member: SimMember, lease: number | 'keep'): Promise<void> {
    const value = this.#newValue();
    this.#shared.world.leases.putting(value, { lease, untilMs: 0 });
    const timeoutMs = this.#patienceMs;
    const key = this.random.pick(keys);
    await this.#shared.kv(member).put(key, value, lease === 0 ? { timeoutMs } : { lease, timeoutMs });
  }

  async #delete(member: SimMember): Promise<void> {
    const key = this.random.pick(keys);
    this.#shared.world.leases.deleting(key);
    await this.#shared.kv(member).delete(key, { timeoutMs: this.#patienceMs });
  }

  async #renew(): Promise<void> {
    const held = this.#ownHandles();
    if (held.length > 0) await this.random.pick(held).renew({ timeoutMs: this.#patienceMs });
  }

  /** By its handle, as one closes it, or as an operator does who knows its id. */
  async #revoke(): Promise<void> {
    const held = this.#ownHandles();
    if (held.length === 0) return;
    const handle = this.random.pick(held);
    this.#shared.world.leases.revoking(handle.id);
    await handle.revoke({ timeoutMs: this.#patienceMs });
  }

  /** Those whose processes run. */
  #ownHandles(): readonly Lease[] {
    this.#handles = this.#handles.filter(({ handle, member }) => !member.dead && !handle.signal.aborted);
    return this.#handles.filter(({ member }) => !member.process.paused).map(({ handle }) => handle);
  }

  /** Asks something of a lease, which must not be told that it is gone as long as it was promised to live. */
  async #expecting<T>(id: number, member: SimMember, ask: () => Promise<T>): Promise<T> {
    const { world } = this.#shared;
    try {
      return await ask();
    } catch (error) {
      const gone = error instanceof CoterieError && error.code === 'ERR_LEASE_NOT_FOUND';
      // What a process says in the moment of its death nobody hears.
      if (gone && !member.dead && world.leases.owed(id)) world.report(`lease: a client was told that ${id} is gone`);
      throw error;
    }
  }

  #newValue(): string {
    return `${this.#name}.${this.#sequence++}`;
  }
}
