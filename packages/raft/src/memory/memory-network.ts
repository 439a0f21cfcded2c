import { CoterieError } from '@coterie/errors';
import type { NodeId, SnapshotMeta } from '../core/messages.js';
import type { Random } from '../core/ready.js';
import type { SnapshotSource } from '../ports/snapshot-store.js';
import type { Transport, TransportHandler, UnreachableReason } from '../ports/transport.js';
import { copyFrame, frameSize, type Frame } from './frame-copy.js';
import { drawLatency, happens, MemoryLink, type LinkHost } from './memory-link.js';
import { carrySnapshot } from './memory-snapshot.js';
import { MemoryTransport } from './memory-transport.js';
import { changeFaults, newCounters, type NetworkCounters, type NetworkFaults } from './network-faults.js';
import { systemRandom } from '../ports/system-ports.js';
import { scheduleOnEventLoop } from './system-network.js';

/** What drives a {@link MemoryNetwork} and what it does to its traffic. */
export interface MemoryNetworkOptions {
  /**
   * Runs `fn` after `delayMs`. Default: `setImmediate` without a delay, a timer that does not hold the process with
   * one. A simulator gives its virtual time.
   */
  readonly schedule?: ((delayMs: number, fn: () => void) => void) | undefined;
  /**
   * Default: the system's. With a seeded one and a deterministic scheduler the same calls give the same deliveries.
   */
  readonly random?: Random | undefined;
  readonly faults?: Partial<NetworkFaults> | undefined;
  /** Frames on the way from one member to another; more are dropped and reported as `overflow`. Default 10,000. */
  readonly maxFrames?: number | undefined;
  /** Bytes of a snapshot that travel in one step. Default 64 KiB. */
  readonly snapshotChunkBytes?: number | undefined;
}

/** Frames that are held back to come a second time; more are not. */
const staleFramesMax = 1000;

/** A member that has started, as the network sees it. */
export interface MemoryNode {
  readonly handler: TransportHandler;
  lists(id: NodeId): boolean;
  /** What it has on the way to others. */
  readonly links: Map<NodeId, NetworkLink>;
}

/** The connections of one process to another. */
export interface NetworkLink {
  readonly receiver: MemoryNode;
  readonly link: MemoryLink;
}

interface Transfer {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly receiver: MemoryNode;
  readonly lost: AbortController;
}

/**
 * Many transports in one process, joined by a network that can be slow, lose, repeat, reorder and cut.
 *
 * A connection never reorders; a new connection may overtake an old one. Delivery never happens inside the sender's
 * call.
 */
export class MemoryNetwork {
  readonly counters: NetworkCounters = newCounters();
  readonly #schedule: (delayMs: number, fn: () => void) => void;
  readonly #random: Random;
  readonly #maxFrames: number;
  #faults: NetworkFaults;
  readonly #nodes = new Map<NodeId, MemoryNode>();
  readonly #snapshotChunkBytes: number;
  readonly #cuts = new Ways();
  readonly #clogs = new Ways();
  /** What waits on a clogged way, in order. */
  readonly #clogged = new Map<string, (() => void)[]>();
  #staleFrames = 0;
  readonly #notices = new Set<string>();
  /** Transfers on the way, by their direction. */
  readonly #snapshots = new Map<string, Transfer>();

  /** @throws CoterieError ERR_INVALID_ARGUMENT */
  constructor(options: MemoryNetworkOptions = {}) {
    this.#faults = changeFaults(options.faults ?? {});
    this.#schedule = options.schedule ?? scheduleOnEventLoop;
    this.#random = options.random ?? systemRandom;
    this.#maxFrames = options.maxFrames ?? 10_000;
    this.#snapshotChunkBytes = options.snapshotChunkBytes ?? 64 << 10;
  }

  /** A new transport on this network. Who it is, it learns when it starts. */
  transport(): Transport {
    return new MemoryTransport(this);
  }

  get faults(): NetworkFaults {
    return this.#faults;
  }

  /**
   * Changes some faults; those not named stay. What is on the way keeps its time.
   * @throws CoterieError ERR_INVALID_ARGUMENT
   */
  setFaults(change: Partial<NetworkFaults>): void {
    this.#faults = changeFaults(change, this.#faults);
  }

  /**
   * Cuts one direction: nothing sent and nothing on the way arrives, and the sender is told nothing, as with a silent
   * firewall.
   */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(from, to);
  }

  /** Cuts both directions between members of different groups. Those in no group keep all their ways. */
  partition(...groups: readonly (readonly NodeId[])[]): void {
    for (const group of groups) {
      const others = groups.filter((other) => other !== group).flat();
      for (const from of group) for (const to of others) this.cut(from, to);
    }
  }

  /** Opens one direction again, or, without arguments, every way. */
  heal(from?: NodeId, to?: NodeId): void {
    if (from === undefined || to === undefined) this.#cuts.clear();
    else this.#cuts.delete(from, to);
  }

  /** From now on nothing gets through in one direction, nothing is lost either, and the sender is not told. */
  clog(from: NodeId, to: NodeId): void {
    this.#clogs.add(from, to);
  }

  /** What waited arrives now, in order. Without arguments on every way. */
  unclog(from?: NodeId, to?: NodeId): void {
    if (from === undefined || to === undefined) this.#clogs.clear();
    else this.#clogs.delete(from, to);
    for (const [key, waiting] of [...this.#clogged]) {
      if (from !== undefined && to !== undefined && key !== way(from, to)) continue;
      this.#clogged.delete(key);
      for (const arrive of waiting) this.#schedule(0, arrive);
    }
  }

  /**
   * The connections between two members break in the middle of what they carry, snapshots too; both are told. The next
   * frame opens new ones.
   */
  reset(a: NodeId, b: NodeId): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const sender = this.#nodes.get(from);
      sender?.links.get(to)?.link.reset();
      this.#snapshots.get(way(from, to))?.lost.abort();
      if (sender?.lists(to) === true) this.#notify(sender, to, 'lost');
    }
  }

  /** Snapshots on the way. */
  get transfers(): readonly (readonly [from: NodeId, to: NodeId])[] {
    return [...this.#snapshots.values()].map(({ from, to }) => [from, to]);
  }

  /** @internal @throws CoterieError ERR_LISTEN when another transport holds this id */
  join(node: MemoryNode): void {
    const id = node.handler.self.id;
    if (this.#nodes.has(id)) {
      throw new CoterieError('ERR_LISTEN', { message: `link id ${id} is in use on this network` });
    }
    this.#nodes.set(id, node);
  }

  /** @internal Others learn that their connection broke and that nobody listens any more, as from a killed process. */
  leave(node: MemoryNode): void {
    const id = node.handler.self.id;
    if (this.#nodes.get(id) !== node) return;
    this.#nodes.delete(id);
    // What the dead receiver was doing with a transfer never ends; its sender sees a connection that broke.
    for (const { receiver, lost } of this.#snapshots.values()) if (receiver === node) lost.abort();
    for (const other of this.#nodes.values()) {
      if (!other.lists(id) || !node.lists(other.handler.self.id)) continue;
      this.#notify(other, id, 'lost');
      this.#notify(other, id, 'refused');
    }
  }

  /** @internal */
  send(node: MemoryNode, to: NodeId, frame: Frame): void {
    const from = node.handler.self.id;
    this.counters.sent += frameSize(frame);
    const receiver = this.#nodes.get(to);
    if (this.#cuts.has(from, to)) {
      this.counters.cut += frameSize(frame);
    } else if (receiver === undefined || !meet(node, receiver)) {
      this.counters.refused += frameSize(frame);
      this.#notify(node, to, 'refused');
    } else {
      this.#holdBack(from, to, frame);
      if (!this.#link(node, receiver).send(frame)) this.#notify(node, to, 'overflow');
    }
  }

  /** @internal */
  async sendSnapshot(
    node: MemoryNode,
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    signal: AbortSignal,
  ): Promise<'ok' | 'failed'> {
    const from = node.handler.self.id;
    const receiver = this.#nodes.get(to);
    const key = way(from, to);
    if (receiver === undefined || !meet(node, receiver) || this.#snapshots.has(key)) return 'failed';
    const lost = new AbortController();
    this.#snapshots.set(key, { from, to, receiver, lost });
    try {
      const hop = (): Promise<boolean> => this.#hop(node, receiver);
      const done = await carrySnapshot({
        from,
        handler: receiver.handler,
        meta,
        source,
        signal: AbortSignal.any([signal, lost.signal]),
        chunkBytes: this.#snapshotChunkBytes,
        hop,
      });
      if (done) this.counters.snapshots++;
      else this.counters.snapshotsBroken++;
      return done ? 'ok' : 'failed';
    } finally {
      this.#snapshots.delete(key);
    }
  }

  /** One step of a transfer. @returns whether both ends and both ways still stand */
  #hop(sender: MemoryNode, receiver: MemoryNode): Promise<boolean> {
    const [from, to] = [sender.handler.self.id, receiver.handler.self.id];
    return new Promise((resolve) => {
      this.#schedule(drawLatency(this.#random, this.#faults), () => {
        const standing = this.#nodes.get(from) === sender && this.#nodes.get(to) === receiver && meet(sender, receiver);
        resolve(standing && !this.#cuts.has(from, to) && !this.#cuts.has(to, from));
      });
    });
  }

  /**
   * A connection dies with the process at either end, so a restarted member never gets what was sent to its
   * predecessor.
   */
  #link(sender: MemoryNode, receiver: MemoryNode): MemoryLink {
    const [from, to] = [sender.handler.self.id, receiver.handler.self.id];
    const known = sender.links.get(to);
    if (known?.receiver === receiver) return known.link;
    const host: LinkHost = {
      faults: () => this.#faults,
      counters: this.counters,
      random: this.#random,
      maxFrames: this.#maxFrames,
      schedule: this.#schedule,
      pass: (arrive) => this.#pass(from, to, arrive),
    };
    const link = new MemoryLink(host, (frame) => this.#deliver(from, receiver, frame));
    sender.links.set(to, { receiver, link });
    return link;
  }

  #pass(from: NodeId, to: NodeId, arrive: () => void): void {
    if (!this.#clogs.has(from, to)) {
      arrive();
      return;
    }
    this.counters.clogged++;
    const waiting = this.#clogged.get(way(from, to));
    if (waiting === undefined) this.#clogged.set(way(from, to), [arrive]);
    else waiting.push(arrive);
  }

  /** Perhaps this frame comes again, when its sender and its receiver may be other processes. */
  #holdBack(from: NodeId, to: NodeId, frame: Frame): void {
    if (!happens(this.#random, this.#faults.stale) || this.#staleFrames >= staleFramesMax) return;
    const copy = copyFrame(frame);
    this.#staleFrames++;
    this.#schedule(this.#random.nextInt(Math.max(1, Math.ceil(this.#faults.staleMs))), () => {
      this.#staleFrames--;
      const receiver = this.#nodes.get(to);
      // While the fault is off nothing of it comes: a network that is healed is healed at once.
      if (receiver === undefined || this.#faults.stale === 0) return;
      this.counters.stale++;
      this.#deliver(from, receiver, copy);
    });
  }

  #deliver(from: NodeId, receiver: MemoryNode, frame: Frame): void {
    const to = receiver.handler.self.id;
    if (this.#cuts.has(from, to)) {
      this.counters.cut += frameSize(frame);
    } else if (this.#nodes.get(to) !== receiver || !receiver.lists(from)) {
      this.counters.refused += frameSize(frame);
    } else {
      this.counters.delivered += frameSize(frame);
      if ('bytes' in frame) receiver.handler.onBytes(from, frame.bytes);
      else receiver.handler.onMessages(from, frame.messages);
    }
  }

  /**
   * Not inside the sender's call, and one at a time for each pair and reason: a busy sender is told once, not once a
   * message.
   */
  #notify(node: MemoryNode, id: NodeId, reason: UnreachableReason): void {
    const key = `${way(node.handler.self.id, id)} ${reason}`;
    if (this.#notices.has(key)) return;
    this.#notices.add(key);
    this.#schedule(drawLatency(this.#random, this.#faults), () => {
      this.#notices.delete(key);
      if (this.#nodes.get(node.handler.self.id) === node && node.lists(id)) node.handler.onUnreachable(id, reason);
    });
  }
}

/** Both list each other and belong to one cluster. */
function meet(a: MemoryNode, b: MemoryNode): boolean {
  return a.handler.clusterId === b.handler.clusterId && a.lists(b.handler.self.id) && b.lists(a.handler.self.id);
}

function way(from: NodeId, to: NodeId): string {
  return `${from} ${to}`;
}

/** A set of directions; asked for every frame, and nearly always empty. */
class Ways {
  readonly #ways = new Set<string>();

  add(from: NodeId, to: NodeId): void {
    this.#ways.add(way(from, to));
  }

  delete(from: NodeId, to: NodeId): void {
    this.#ways.delete(way(from, to));
  }

  clear(): void {
    this.#ways.clear();
  }

  has(from: NodeId, to: NodeId): boolean {
    return this.#ways.size > 0 && this.#ways.has(way(from, to));
  }
}
