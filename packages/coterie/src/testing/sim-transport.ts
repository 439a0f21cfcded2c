import type {
  Message,
  NodeId,
  SnapshotMeta,
  SnapshotSource,
  Transport,
  TransportHandler,
  TransportPeer,
} from '@coterie/raft';
import type { ProcessTime } from '@coterie/raft/testing';

/** One process's end of the simulated network: what arrives while the process stands still waits at its socket. */
export class SimTransport implements Transport {
  readonly #links: Transport;
  readonly #process: ProcessTime;
  readonly #delivered: (message: Message) => void;
  #handler: TransportHandler | undefined;

  /** @param delivered told of every message that comes, before the process has it */
  constructor(links: Transport, process: ProcessTime, delivered: (message: Message) => void) {
    this.#delivered = delivered;
    this.#links = links;
    this.#process = process;
  }

  start(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    return this.#links.start({
      self: handler.self,
      clusterId: handler.clusterId,
      onMessages: (from, messages) => this.hear(from, messages),
      onBytes: (from, bytes) => this.hearBytes(from, bytes),
      onSnapshot: (from, meta, opts) =>
        new Promise((resolve, reject) => {
          this.#process.run(() => void handler.onSnapshot(from, meta, opts).then(resolve, reject));
        }),
      onUnreachable: (id, reason) => this.#process.run(() => handler.onUnreachable(id, reason)),
    });
  }

  /** As if the peer at this link had sent it. */
  hear(from: NodeId, messages: readonly Message[]): void {
    for (const message of messages) this.#delivered(message);
    this.#process.run(() => this.#handler?.onMessages(from, messages));
  }

  /** As if the peer at this link had sent it. */
  hearBytes(from: NodeId, bytes: Uint8Array): void {
    this.#process.run(() => this.#handler?.onBytes(from, bytes));
  }

  setPeers(peers: readonly TransportPeer[]): void {
    this.#links.setPeers(peers);
  }

  send(to: NodeId, messages: readonly Message[]): void {
    this.#links.send(to, messages);
  }

  sendBytes(to: NodeId, bytes: Uint8Array): void {
    this.#links.sendBytes(to, bytes);
  }

  sendSnapshot(
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'> {
    return this.#links.sendSnapshot(to, meta, source, opts);
  }

  close(): Promise<void> {
    return this.#links.close();
  }
}
