import { decodeConfChange, encodeConfChange } from '../../src/core/conf-change.js';
import { defaultCoreConfig } from '../../src/core/config.js';
import { RaftCore } from '../../src/core/core.js';
import { emptyConf } from '../../src/core/membership.js';
import type { ConfState, Entry, Message, NodeId, Term } from '../../src/core/messages.js';
import type { ConfChangeStep, CoreConfig, CoreInit, HardState, ReadState, Ready } from '../../src/core/ready.js';

const text = new TextEncoder();

export const bytes = (value: string): Uint8Array => text.encode(value);

/** A log of normal entries with these terms, from index 1 on. */
export function logOf(...terms: Term[]): Entry[] {
  return terms.map((term, i) => ({ term, index: i + 1, kind: 'normal', data: bytes(`${i + 1}`) }));
}

export function confOf(voters: readonly NodeId[], more: Partial<ConfState> = {}): ConfState {
  return { ...emptyConf, voters, ...more };
}

export const testConfig: CoreConfig = { ...defaultCoreConfig, electionTicks: 10, heartbeatTicks: 1 };

export function initOf(id: NodeId, conf: ConfState, more: Partial<CoreInit> = {}): CoreInit {
  return {
    id,
    config: testConfig,
    // Lower ids time out first, so that a test knows who campaigns.
    random: { nextInt: (n) => Math.min(id, n - 1) },
    hardState: { term: more.entries?.at(-1)?.term ?? 0, vote: 0, commit: 0 },
    conf,
    start: { index: 0, term: 0 },
    entries: [],
    applied: 0,
    ...more,
  };
}

/** What a core has done since it was last asked. */
export class Recorded {
  readonly applied: Entry[] = [];
  readonly reads: ReadState[] = [];
  readonly snapshotsTo: NodeId[] = [];
  readonly softs: NonNullable<Ready['soft']>[] = [];
  hardState: HardState | undefined;
}

/**
 * Cores joined by a network that the test holds in its hand. Disks and state machines work at once unless the test
 * stops them; nothing is random.
 */
export class ScriptedCluster {
  readonly cores = new Map<NodeId, RaftCore>();
  readonly recorded = new Map<NodeId, Recorded>();
  /** Every message that was sent, in order. */
  readonly sent: Message[] = [];
  private queue: Message[] = [];
  private readonly cuts = new Set<string>();
  private readonly stalledDisks = new Map<NodeId, number>();
  private readonly heldApplies = new Map<NodeId, Entry[]>();
  private filter: (message: Message) => boolean = () => true;

  constructor(...inits: CoreInit[]) {
    for (const init of inits) this.add(init);
  }

  static of(size: number, config: Partial<CoreConfig> = {}): ScriptedCluster {
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    const all = { ...testConfig, ...config };
    return new ScriptedCluster(...ids.map((id) => initOf(id, confOf(ids), { config: all })));
  }

  add(init: CoreInit): void {
    this.cores.set(init.id, new RaftCore(init));
    this.recorded.set(init.id, new Recorded());
  }

  core(id: NodeId): RaftCore {
    return this.cores.get(id) as RaftCore;
  }

  of(id: NodeId): Recorded {
    return this.recorded.get(id) as Recorded;
  }

  /** No messages between the two sides, in both directions. */
  cut(left: readonly NodeId[], right: readonly NodeId[]): void {
    for (const a of left) {
      for (const b of right) {
        this.cuts.add(`${a}>${b}`);
        this.cuts.add(`${b}>${a}`);
      }
    }
  }

  isolate(id: NodeId): void {
    this.cut(
      [id],
      [...this.cores.keys()].filter((other) => other !== id),
    );
  }

  heal(): void {
    this.cuts.clear();
    this.filter = () => true;
  }

  /** Lets only these messages pass. */
  only(passes: (message: Message) => boolean): void {
    this.filter = passes;
  }

  stallDisk(id: NodeId): void {
    this.stalledDisks.set(id, 0);
  }

  /** Everything written so far is durable, and the disk works again. */
  resumeDisk(id: NodeId): void {
    const seq = this.stalledDisks.get(id) ?? 0;
    this.stalledDisks.delete(id);
    if (seq > 0) this.core(id).appendDurable(seq);
  }

  holdApply(id: NodeId): void {
    this.heldApplies.set(id, []);
  }

  resumeApply(id: NodeId): void {
    const held = this.heldApplies.get(id) ?? [];
    this.heldApplies.delete(id);
    this.apply(id, held);
  }

  /** Runs until nothing happens any more. */
  pump(): void {
    for (let turns = 0; turns < 10_000; turns++) {
      let busy = false;
      for (const [id, core] of this.cores) {
        while (core.hasReady()) {
          busy = true;
          this.handle(id, core.ready());
        }
      }
      const message = this.queue.shift();
      if (message !== undefined) {
        busy = true;
        this.cores.get(message.to)?.step(message);
      }
      if (!busy) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Throws away what is on its way. */
  dropAll(): void {
    this.drain();
    this.queue = [];
  }

  /** Everybody's effects are handled, and no message is delivered. */
  drain(): Message[] {
    for (const [id, core] of this.cores) while (core.hasReady()) this.handle(id, core.ready());
    return this.queue;
  }

  tick(id: NodeId, times = 1): void {
    for (let i = 0; i < times; i++) this.core(id).tick();
  }

  tickAll(times: number): void {
    for (let i = 0; i < times; i++) {
      for (const core of this.cores.values()) core.tick();
      this.pump();
    }
  }

  elect(id: NodeId): RaftCore {
    this.core(id).campaign();
    this.pump();
    if (!this.core(id).isLeader) throw new Error(`${id} is not elected`);
    return this.core(id);
  }

  propose(id: NodeId, value = 'x'): number {
    const result = this.core(id).propose([bytes(value)]);
    if (!result.ok) throw new Error(`refused: ${result.reason}`);
    return result.index;
  }

  change(id: NodeId, steps: readonly ConfChangeStep[], transition: 'auto' | 'implicit' | 'explicit' = 'auto') {
    return this.core(id).proposeConfChange(encodeConfChange({ transition, steps }, new Uint8Array(0)));
  }

  /** Messages of a kind sent since `from`, for instance `sent.length` of before. */
  sentOf<T extends Message['type']>(type: T, from = 0): (Message & { type: T })[] {
    return this.sent.slice(from).filter((message): message is Message & { type: T } => message.type === type);
  }

  private handle(id: NodeId, ready: Ready): void {
    const record = this.of(id);
    for (const message of ready.send) {
      this.sent.push(message);
      if (!this.cuts.has(`${message.from}>${message.to}`) && this.filter(message)) this.queue.push(message);
    }
    if (ready.soft !== undefined) record.softs.push(ready.soft);
    record.reads.push(...ready.reads);
    record.snapshotsTo.push(...ready.snapshotsTo);
    if (ready.append?.hardState !== undefined) record.hardState = ready.append.hardState;
    if (ready.append !== undefined) {
      if (this.stalledDisks.has(id)) this.stalledDisks.set(id, ready.append.seq);
      else this.core(id).appendDurable(ready.append.seq);
    }
    const held = this.heldApplies.get(id);
    if (held === undefined) this.apply(id, ready.committed);
    else held.push(...ready.committed);
  }

  private apply(id: NodeId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.of(id).applied.push(entry);
      if (entry.kind === 'conf') this.core(id).applyConfChange(decodeConfChange(entry.data).change, entry.index);
      this.core(id).applied(entry.index);
    }
  }
}
