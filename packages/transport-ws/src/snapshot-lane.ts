import type { SnapshotMeta, SnapshotSource, TransportPeer } from '@coterie/raft';
import type { OpenSocket } from './connection.js';
import { SnapshotReceiver, type SnapshotReceiverHost } from './snapshot-receiver.js';
import { shipSnapshot, type SnapshotSenderHost } from './snapshot-sender.js';

/** Snapshots on their way: to each peer at most one, from each peer at most one, each on a connection of its own. */
export class SnapshotLane {
  readonly #host: SnapshotSenderHost & SnapshotReceiverHost;
  readonly #sending = new Map<number, AbortController>();
  readonly #receiving = new Map<number, SnapshotReceiver>();
  readonly #unfinished = new Set<Promise<unknown>>();
  #closed = false;

  constructor(host: SnapshotSenderHost & SnapshotReceiverHost) {
    this.#host = host;
  }

  /** A second transfer to the same peer fails at once. Never rejects. */
  async send(
    peer: TransportPeer,
    meta: SnapshotMeta,
    source: SnapshotSource,
    signal: AbortSignal,
  ): Promise<'ok' | 'failed'> {
    if (this.#closed || this.#sending.has(peer.id) || signal.aborted) return 'failed';
    const stop = new AbortController();
    this.#sending.set(peer.id, stop);
    const shipment = { peer, meta, source, signal: AbortSignal.any([signal, stop.signal]) };
    try {
      return (await this.#track(shipSnapshot(this.#host, shipment))) ? 'ok' : 'failed';
    } catch (error) {
      this.#host.options.logger.error({ peer: peer.name, error: String(error) }, 'snapshot transfer failed');
      return 'failed';
    } finally {
      this.#sending.delete(peer.id);
    }
  }

  /**
   * A new transfer of a peer replaces its older one: the older connection is what a broken one looks like from here.
   */
  receive(peer: TransportPeer, socket: OpenSocket): void {
    const older = this.#receiving.get(peer.id);
    older?.stop('replaced by a newer transfer');
    const receiver = new SnapshotReceiver(this.#host, peer, socket, older?.freed ?? Promise.resolve());
    this.#receiving.set(peer.id, receiver);
    void this.#track(receiver.finished).then(() => {
      // One that never had its turn stays, to tell the next whose sink may still be in use.
      if (receiver.entered && this.#receiving.get(peer.id) === receiver) this.#receiving.delete(peer.id);
    });
  }

  /** Ends what goes to and comes from a peer that is no longer listed. */
  drop(id: number): void {
    this.#sending.get(id)?.abort();
    this.#receiving.get(id)?.stop('no longer listed');
  }

  /**
   * Ends everything. Resolves when no sink and no source is in use any more; the caller bounds the wait for a stuck
   * disk.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#sending.values()) stop.abort();
    for (const receiver of this.#receiving.values()) receiver.stop('closing');
    await Promise.allSettled(this.#unfinished);
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#unfinished.add(work);
    const over = (): void => void this.#unfinished.delete(work);
    work.then(over, over);
    return work;
  }
}
