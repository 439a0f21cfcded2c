import type { Message, NodeOptions } from '@coterie/raft';
import type { SimMember } from '../sim-member.js';

/** What docs/limits.md allows: so many election timeouts, and so many ms at least, without a movement of the disk. */
const allowedTimeouts = 3;
const allowedMsLeast = 2000;
/** And so many more, for a hand-over that does not succeed, and for what slips out before the next tick. */
const graceTimeouts = 2;

interface Wait {
  readonly applied: number;
  readonly operations: number;
  lastMs: number;
  heartbeats: number;
}

/**
 * A leader whose store stands still must not hold the cluster with its heartbeats: it commits, and neither applies nor
 * takes anything. Seen from outside: what the simulated disk has done, and how far the leader has applied.
 */
export class StoreStallChecks {
  readonly #heartbeatMs: number;
  readonly #allowed: number;
  readonly #report: (problem: string) => void;
  readonly #waits = new WeakMap<SimMember, Wait>();

  constructor({ electionTimeoutMs, heartbeatMs }: NodeOptions, report: (problem: string) => void) {
    const ms = Math.max(allowedTimeouts * electionTimeoutMs, allowedMsLeast) + graceTimeouts * electionTimeoutMs;
    this.#heartbeatMs = heartbeatMs;
    this.#allowed = Math.ceil(ms / heartbeatMs);
    this.#report = report;
  }

  send(member: SimMember, { type, term }: Message): void {
    const { replica } = member.engine;
    if (type !== 'heartbeat' || replica === undefined) return;
    const { node, machine } = replica;
    const { now } = member.process;
    const applied = node.appliedIndex;
    const operations = member.machine.storeOperations;
    const wait = this.#waits.get(member);
    // A full disk answers at once: reads go on, and somebody must lead when all are full.
    const waits = node.commitIndex > applied || (machine.overloaded && machine.noSpace === undefined);
    const { voters, votersOutgoing } = node.cluster.conf;
    // The only voter leads whatever happens.
    const alone = new Set([...voters, ...votersOutgoing]).size === 1;
    if (!waits || alone || wait?.applied !== applied || wait.operations !== operations) {
      this.#waits.set(member, { applied, operations, lastMs: now, heartbeats: 0 });
      return;
    }
    // Counted, not timed: a process that stood still, or whose clock leapt, is judged by what it did. Those that ask
    // for a read come between two ticks.
    if (now - wait.lastMs < 0.9 * this.#heartbeatMs) return;
    wait.lastMs = now;
    if (++wait.heartbeats !== this.#allowed) return;
    this.#report(
      `stalled store: ${member.name} goes on leading term ${term}; its store has done nothing for ${wait.heartbeats} heartbeats`,
    );
  }
}
