import { CoterieError } from '@coterie/errors';
import { InlineWalRunner } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk } from '@coterie/mvcc/testing';
import { completeNodeOptions, MemoryNetwork, SystemClock, systemRandom, systemTurns, systemWall } from '@coterie/raft';
import { SeededRandom } from '@coterie/raft/testing';
import { PortStorage } from '../../src/data-dir/port-storage.js';
import { PeerEngine } from '../../src/engine/peer-engine.js';
import type { PeerEngineParts } from '../../src/engine/peer-engine-parts.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const later = (_ms: number, fn: () => void): void => systemTurns.defer(fn);

/** A machine whose disk outlives the peers on it, and what it is asked to do wrong. */
export class Machine {
  readonly disk = new SimDisk({ random: new SeededRandom(1), schedule: later });
  readonly ordered = new ModelOrderedStores((fn) => systemTurns.defer(fn));

  storage(more: { readonly checkpointBytes?: number } = {}): PortStorage {
    return new PortStorage({
      dir: 'data',
      files: this.disk.files,
      background: this.disk.background,
      ordered: this.ordered,
      newRunner: () => new InlineWalRunner({ fs: this.disk.files, schedule: later }),
      defer: (fn) => systemTurns.defer(fn),
      segmentBytes: 16 * 1024,
      // Nothing stays in memory for long: what is read comes from the disk.
      storeLimits: { checkpointBytes: 4096, cacheBytes: 1, recentBytes: 1, segmentBytes: 4096, ...more },
    });
  }

  /** The directory of the ordered store that counts. */
  get kv(): string {
    return `data/store/${Buffer.from(this.disk.files.readFile('data/store/CURRENT')).toString().trim()}/kv`;
  }

  get history(): string {
    const path = this.disk.paths.find((one) => one.endsWith('.history'));
    if (path === undefined) throw new Error('there is no history yet');
    return path;
  }
}

/** Some peers in this process, over a network in memory. */
export class SmallCluster {
  readonly network = new MemoryNetwork();
  readonly machines: Readonly<Record<string, Machine>>;
  readonly peers: Readonly<Record<string, string>>;
  readonly engines = new Map<string, PeerEngine>();
  readonly more: Partial<PeerEngineParts>;

  constructor(names: readonly string[], more: Partial<PeerEngineParts> = {}) {
    this.machines = Object.fromEntries(names.map((name) => [name, new Machine()]));
    this.peers = Object.fromEntries(names.map((name) => [name, `memory://${name}`]));
    this.more = more;
  }

  async open(name: string, more: Partial<PeerEngineParts> = {}): Promise<PeerEngine> {
    const solo = Object.keys(this.peers).length === 1;
    const engine = new PeerEngine({
      ...{ name, clusterId: 'x', url: this.peers[name]!, peers: this.peers },
      ports: { clock: new SystemClock(), turns: systemTurns, wall: systemWall, random: systemRandom },
      storage: this.machines[name]!.storage(),
      ...(solo ? {} : { transport: this.network.transport() }),
      options: completeNodeOptions({ electionTimeoutMs: 250, heartbeatMs: 25, trailingEntries: 0 }),
      ...{
        limits: {},
        history: { revisions: 1e6, ms: 1e9, bytes: 1e9 },
        featureLevel: 1,
        requestTimeoutMs: 5000,
        closeTimeoutMs: 2000,
      },
      ...{ logger: silent, ...this.more, ...more },
    });
    this.engines.set(name, engine);
    await engine.start();
    return engine;
  }

  async openAll(): Promise<void> {
    await Promise.all(Object.keys(this.peers).map((name) => this.open(name)));
    await Promise.all([...this.engines.values()].map((engine) => engine.ready(null, {})));
  }

  async close(): Promise<void> {
    await Promise.all([...this.engines.values()].map((engine) => engine.close()));
  }

  get leader(): string {
    const found = [...this.engines].find(([, engine]) => engine.replica?.node.isLeader === true);
    if (found === undefined) throw new Error('nobody leads');
    return found[0];
  }

  get followers(): readonly string[] {
    const { leader } = this;
    return [...this.engines.keys()].filter((name) => name !== leader);
  }

  engine(name: string): PeerEngine {
    return this.engines.get(name)!;
  }

  /** Writes until every member has made checkpoints of all it was told at first. */
  async fill(name: string, keys: number, value = 'v'): Promise<void> {
    for (let at = 0; at < keys; at++) await this.put(name, `key-${at}`, `${value}${at}`.padEnd(400, '.'));
  }

  async put(name: string, key: string, value: string): Promise<void> {
    await this.engine(name).write({ kind: 'put', key, value: Buffer.from(value), prev: false }, {});
  }

  /**
   * Flips a bit in a stored record, and makes a checkpoint so that it is seen: what is open reads what was there when
   * it was opened.
   */
  async damage(name: string, key: string): Promise<void> {
    const { ordered, kv } = this.machines[name]!;
    if (!ordered.flipBit(kv, `k${key}`, 333)) throw new Error(`${name} has not stored ${key}`);
    const machine = this.engine(name).replica!.machine;
    const before = machine.checkpointIndex;
    for (let at = 0; machine.checkpointIndex === before; at++) {
      await this.put(name, `more-${at % 5}`, '.'.repeat(900));
      if (at > 500) throw new Error('no checkpoint comes');
    }
  }

  async get(name: string, key: string): Promise<string | undefined> {
    const { entry } = await this.engine(name).get({ key, consistency: 'serializable' }, {});
    return entry === undefined ? undefined : Buffer.from(entry.value).toString().replace(/\.*$/, '');
  }
}

/** Waits for something, for much longer than it takes. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

/** The code that a call fails with; undefined when it does not fail. */
export async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error instanceof CoterieError ? error.code : String(error);
  }
}
