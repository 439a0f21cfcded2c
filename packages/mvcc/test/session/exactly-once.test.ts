import { CoterieError } from '@coterie/errors';
import { describe, expect, test } from 'vitest';
import { replicatedLimits } from '../../src/limits.js';
import { MemoryStore } from '../machine/memory-store.js';
import { seededRandom, settle } from '../machine/virtual-clock.js';
import { Process, WriteCluster } from './write-cluster.js';

/** One write that was issued: its place in the order of calls, and what its caller was told. */
interface Issued {
  readonly order: number;
  readonly process: number;
  readonly acked: { revision: number | undefined; outcome: string };
}

/** Processes that write through a bad network, stall, jump over the log by snapshots, and die and come back. */
class Chaos {
  readonly cluster: WriteCluster;
  readonly #random;
  readonly #processes: { process: Process; id: number }[] = [];
  readonly issued: Issued[] = [];
  #ids = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.cluster = new WriteCluster(this.#random);
    this.cluster.faults = { refusePercent: 10, losePercent: 15, repeatPercent: 20, reorderPercent: 25 };
    for (let at = 0; at < 2; at++) {
      this.#processes.push({
        process: new Process(this.cluster, new MemoryStore(), { resendMs: 50 }),
        id: this.#ids++,
      });
    }
  }

  async step(): Promise<void> {
    const own = this.#processes[this.#random.nextInt(this.#processes.length)]!;
    const dice = this.#random.nextInt(100);
    if (dice < 40) this.#write(own.process, own.id);
    else if (dice < 65) this.#commitSome();
    else if (dice < 85) for (let at = this.#random.nextInt(6); at > 0; at--) own.process.applyOne();
    else if (dice < 90) this.cluster.clock.advance(this.#random.nextInt(200));
    else if (dice < 93) this.#leaderChange();
    else if (dice < 95) own.process.installFrom(this.cluster.leader);
    else if (dice < 96) own.process.store.checkpoint();
    else if (dice < 97) this.#restart(own);
    else if (dice < 98) this.#longPause();
    else this.cluster.endExpired();
    await settle();
  }

  /** The network is good again: every call must come to an end. */
  async calm(): Promise<void> {
    this.cluster.faults = { refusePercent: 0, losePercent: 0, repeatPercent: 0, reorderPercent: 0 };
    for (let round = 0; round < 400; round++) {
      this.#commitSome();
      for (const { process } of this.#processes) process.applyAll();
      this.cluster.clock.advance(30);
      await settle();
    }
  }

  #write(process: Process, id: number): void {
    const order = this.issued.length;
    const acked: Issued['acked'] = { revision: undefined, outcome: 'pending' };
    this.issued.push({ order, process: id, acked });
    const value = new TextEncoder().encode(String(order));
    const timeoutMs = this.#random.nextInt(4) === 0 ? 100 : 0;
    process.proposer.write({ kind: 'put', key: `k${this.#random.nextInt(3)}`, value, prev: true }, { timeoutMs }).then(
      (result) => {
        acked.revision = result.revision;
        acked.outcome = 'applied';
      },
      (error: unknown) => {
        acked.outcome = error instanceof CoterieError ? (error.outcome ?? 'none') : String(error);
      },
    );
  }

  #commitSome(): void {
    if (this.cluster.onTheWay > 0) this.cluster.commit();
  }

  #leaderChange(): void {
    this.cluster.dropAll();
    for (const { process } of this.#processes) process.proposer.leaderChanged();
  }

  #restart(own: { process: Process; id: number }): void {
    own.process = own.process.restart();
    own.id = this.#ids++;
  }

  /** All stand still for longer than a session lives. */
  #longPause(): void {
    this.cluster.clock.advance(replicatedLimits.sessionTtlMs);
    this.cluster.endExpired();
  }
}

describe('writes through a network that loses, repeats and reorders, with snapshots, restarts and expired sessions', () => {
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);
  test.each(seeds)('apply once each, in the order of their calls (seed %i)', async (seed) => {
    const chaos = new Chaos(seed);
    for (let at = 0; at < 600; at++) await chaos.step();
    await chaos.calm();
    const appliedAt = new Map<number, number[]>();
    for (const { revision, events } of chaos.cluster.leader.store.checkpoint().history) {
      for (const { after } of events) {
        const order = Number(new TextDecoder().decode(after!.value));
        appliedAt.set(order, [...(appliedAt.get(order) ?? []), revision]);
      }
    }
    const tally = { applied: 0, 'not-applied': 0, unknown: 0 };
    const lastOf = new Map<number, number>();
    for (const { order, process, acked } of chaos.issued) {
      const revisions = appliedAt.get(order) ?? [];
      expect(acked.outcome, `write ${order} came to an end`).not.toBe('pending');
      expect(revisions.length, `write ${order} (${acked.outcome}) applied at most once`).toBeLessThanOrEqual(1);
      if (acked.outcome === 'applied' && acked.revision !== undefined) expect(revisions).toEqual([acked.revision]);
      if (acked.outcome === 'applied') expect(revisions).toHaveLength(1);
      if (acked.outcome === 'not-applied') expect(revisions).toEqual([]);
      tally[acked.outcome as keyof typeof tally]++;
      const [revision] = revisions;
      if (revision === undefined) continue;
      expect(revision, `write ${order} of process ${process} in order`).toBeGreaterThan(lastOf.get(process) ?? 0);
      lastOf.set(process, revision);
    }
    // A run in which nothing got through would prove nothing.
    expect(tally.applied).toBeGreaterThan(50);
  });
});
