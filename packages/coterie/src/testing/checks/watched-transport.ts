import type { Message, SnapshotMeta, SnapshotSource, Transport, TransportHandler, TransportPeer } from '@coterie/raft';

/** A transport with somebody who sees every message that leaves; it changes nothing. */
export class WatchedTransport implements Transport {
  readonly #inner: Transport;
  readonly #onSend: (message: Message) => void;

  constructor(inner: Transport, onSend: (message: Message) => void) {
    this.#inner = inner;
    this.#onSend = onSend;
  }

  start(handler: TransportHandler): Promise<void> {
    return this.#inner.start(handler);
  }

  send(to: number, messages: readonly Message[]): void {
    for (const message of messages) this.#onSend(message);
    this.#inner.send(to, messages);
  }

  sendBytes(to: number, bytes: Uint8Array): void {
    this.#inner.sendBytes(to, bytes);
  }

  sendSnapshot(
    to: number,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'> {
    return this.#inner.sendSnapshot(to, meta, source, opts);
  }

  setPeers(peers: readonly TransportPeer[]): void {
    this.#inner.setPeers(peers);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
