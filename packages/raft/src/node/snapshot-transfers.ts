import type { Index, NodeId, SnapshotMeta } from '../core/messages.js';
import type { Clock } from '../ports/clock.js';
import type { SnapshotHolds } from './snapshot-holds.js';
import { SnapshotReception } from './snapshot-reception.js';
import type { Observer } from '../ports/observer.js';
import type { SnapshotSink, SnapshotStore } from '../ports/snapshot-store.js';
import type { Transport } from '../ports/transport.js';

/** What the transfers need of their node. */
export interface TransferHost {
  readonly snapshots: SnapshotStore;
  readonly transport: Transport;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly holds: SnapshotHolds;
  /** The transfer ended; the core goes on probing. */
  sent(to: NodeId, ok: boolean): void;
  /** A received snapshot is durable beside the running state. @returns whether it becomes the state */
  received(meta: SnapshotMeta, from: NodeId): Promise<boolean>;
}

interface Sending {
  readonly abort: AbortController;
  readonly startedMs: number;
  index: Index | undefined;
}

/**
 * A snapshot of which nothing comes for so long is given up, so that another one can be received: not every transport
 * notices that a sender is gone. In ms; a shorter `snapshotTransferMs` counts instead.
 */
const receiveIdleMsMax = 10_000;

/** Snapshots on their way to others, one a member, and the one that is being received. */
export class SnapshotTransfers {
  readonly #host: TransferHost;
  readonly #transferMs: number;
  readonly #sending = new Map<NodeId, Sending>();
  readonly #reception: SnapshotReception;
  #closed = false;

  constructor(host: TransferHost, transferMs: number) {
    this.#host = host;
    this.#transferMs = transferMs;
    this.#reception = new SnapshotReception(host.clock, Math.min(transferMs, receiveIdleMsMax));
  }

  begin(to: NodeId): void {
    if (this.#closed || this.#sending.has(to)) return;
    const sending: Sending = { abort: new AbortController(), startedMs: this.#host.clock.now(), index: undefined };
    this.#sending.set(to, sending);
    this.#host.holds.begun(to);
    this.#host.observer({ type: 'snapshot', action: 'begun', peer: to, index: 0 });
    void this.#send(to, sending);
  }

  /**
   * Ends transfers that take longer than allowed: the log cannot be held for ever for a member that does not keep up.
   */
  sweep(): void {
    const now = this.#host.clock.now();
    for (const sending of this.#sending.values()) if (now - sending.startedMs > this.#transferMs) sending.abort.abort();
    this.#reception.sweep();
  }

  async receive(from: NodeId, meta: SnapshotMeta): Promise<SnapshotSink> {
    if (this.#closed) throw new Error('no snapshot is received any more');
    const { snapshots, observer } = this.#host;
    return this.#reception.receive(
      () => snapshots.receiveSnapshot(meta),
      async (sink) => {
        await sink.commit();
        observer({ type: 'snapshot', action: 'received', peer: from, index: meta.index });
        // Not taken (something newer is here by now): what was received is removed when the store is opened again.
        await this.#host.received(meta, from);
      },
    );
  }

  close(): void {
    this.#closed = true;
    for (const sending of this.#sending.values()) sending.abort.abort();
  }

  async #send(to: NodeId, sending: Sending): Promise<void> {
    const { snapshots, transport, observer } = this.#host;
    let ok = false;
    try {
      const { signal } = sending.abort;
      const { meta, source } = await openUnlessAborted(snapshots, signal);
      sending.index = meta.index;
      this.#host.holds.opened(to, meta.index);
      try {
        ok = (await transport.sendSnapshot(to, meta, source, { signal })) === 'ok';
      } finally {
        await source.close();
      }
    } catch {
      // A transfer that fails is reported to the core, which probes again and asks for another one: nothing is lost but
      // time.
    }
    this.#sending.delete(to);
    this.#host.holds.ended(to, ok);
    if (this.#closed) return;
    observer({ type: 'snapshot', action: ok ? 'sent' : 'failed', peer: to, index: sending.index ?? 0 });
    this.#host.sent(to, ok);
  }
}

/**
 * The store's snapshot, or a rejection as soon as the transfer is given up: a store that never answers must not hold
 * the log, nor keep the member from ever being sent a snapshot again. One that comes when nobody waits any more is
 * closed. (Of a transport it is asked that it heeds the signal: only it knows when the source is no longer read.)
 */
function openUnlessAborted(
  snapshots: SnapshotStore,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<SnapshotStore['openSnapshot']>>> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error('the transfer was given up'));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    snapshots.openSnapshot().then((opened) => {
      signal.removeEventListener('abort', giveUp);
      if (signal.aborted) opened.source.close().catch(() => undefined);
      resolve(opened);
    }, reject);
  });
}
