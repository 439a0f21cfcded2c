import type { Message, NodeId, Transport, TransportHandler } from '@coterie/raft';
import type { ProcessTime } from '@coterie/raft/testing';
import { through } from './through.js';

/** One process's end of the simulated network: what arrives while the process stands still waits at its socket. */
export class SimTransport {
  /** What the process is given. */
  readonly port: Transport;
  readonly #process: ProcessTime;
  readonly #delivered: (message: Message) => void;
  #handler: TransportHandler | undefined;

  /** @param delivered told of every message that comes, before the process has it */
  constructor(links: Transport, process: ProcessTime, delivered: (message: Message) => void) {
    this.#delivered = delivered;
    this.#process = process;
    this.port = through(links, { start: (handler) => links.start(this.#listenFor(handler)) });
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

  #listenFor(handler: TransportHandler): TransportHandler {
    this.#handler = handler;
    return through(handler, {
      onMessages: (from, messages) => this.hear(from, messages),
      onBytes: (from, bytes) => this.hearBytes(from, bytes),
      onSnapshot: (from, meta, opts) =>
        new Promise((resolve, reject) => {
          this.#process.run(() => void handler.onSnapshot(from, meta, opts).then(resolve, reject));
        }),
      onUnreachable: (id, reason) => this.#process.run(() => handler.onUnreachable(id, reason)),
    });
  }
}
