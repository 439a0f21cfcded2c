import type { Message, Random, TransportPeer, UnreachableReason } from '@coterie/raft';
import { Backoff } from './backoff.js';
import { Connection, type OpenSocket } from './connection.js';
import { DialError } from './dial.js';
import type { Heart } from './heart.js';
import { closeCodes } from './hello.js';
import type { Logger, WsTransportLimits } from './options.js';
import { Outbox } from './outbox.js';

/** What a link needs of its transport. */
export interface LinkHost {
  readonly limits: WsTransportLimits;
  readonly random: Random;
  readonly logger: Logger;
  readonly heart: Heart;
  dial(peer: TransportPeer, signal: AbortSignal): Promise<OpenSocket>;
  unreachable(id: number, reason: UnreachableReason): void;
}

/** Of the connection on which we send: being dialled, up, between two dials, or ended for good. */
export type LinkState = 'connecting' | 'connected' | 'waiting' | 'closed';

/**
 * The connection on which we send to one peer.
 *
 * Each side dials the connection that it sends on, so a pair has two. Nothing has to be agreed: two simultaneous dials
 * are the normal case and not a conflict, each side has its own backoff and its own signs of life, and a follower whose
 * leader died learns it from its own dial being refused. The price is a second socket a pair.
 */
export class PeerLink {
  readonly peer: TransportPeer;
  readonly #host: LinkHost;
  readonly #outbox: Outbox;
  readonly #backoff: Backoff;
  readonly #giveUp = new AbortController();
  #state: LinkState = 'waiting';
  #connection: Connection | undefined;
  /** Frames of turns that ended while the dial was under way. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #flushing = false;
  #overflowed = false;
  /** Whether the present connection has lived long enough to trust the next dial. */
  #proven = false;
  #timer: NodeJS.Timeout | undefined;
  #lastFailure: string | undefined;

  constructor(peer: TransportPeer, host: LinkHost) {
    this.peer = peer;
    this.#host = host;
    this.#outbox = new Outbox(host.limits.maxFrameBytes);
    this.#backoff = new Backoff(host.limits.backoffBaseMs, host.limits.backoffCapMs, host.random);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Bytes handed in and not yet taken by the operating system. */
  get backlogBytes(): number {
    return this.#outbox.bytes + this.#waitingBytes + (this.#connection?.backlogBytes ?? 0);
  }

  open(): void {
    void this.#dial();
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.#keeps && !(this.#hasRoom && this.#outbox.message(message))) this.#overflowed = true;
    }
    this.#flushLater();
  }

  sendBytes(piece: Uint8Array): void {
    if (this.#keeps && !(this.#hasRoom && this.#outbox.piece(piece))) this.#overflowed = true;
    this.#flushLater();
  }

  /** Sends what is gathered, then ends. */
  close(reason: string): void {
    if (this.#state === 'closed') return;
    this.#flush();
    this.#state = 'closed';
    this.#giveUp.abort();
    clearTimeout(this.#timer);
    this.#forget();
    this.#connection?.close(closeCodes.closing, reason);
  }

  /** One beat of the heart later the peer has proven to keep a connection, not merely to accept it. */
  beat(): void {
    if (this.#state !== 'connected') return;
    if (this.#proven) this.#backoff.reset();
    this.#proven = true;
  }

  /** Between two dials nothing is kept: it would be stale, and raft has been told that the peer is out of reach. */
  get #keeps(): boolean {
    return this.#state === 'connected' || this.#state === 'connecting';
  }

  get #hasRoom(): boolean {
    return this.backlogBytes <= this.#host.limits.highWaterBytes;
  }

  /**
   * At the end of this callback: the driver sends once a turn, but commands forwarded one by one meet here and share a
   * frame.
   */
  #flushLater(): void {
    if (this.#flushing || !this.#keeps) return;
    this.#flushing = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#state === 'closed') return;
    const frames = this.#outbox.take();
    if (this.#connection !== undefined) {
      for (const frame of frames) this.#connection.send(frame);
    } else if (this.#state === 'connecting') {
      for (const frame of frames) this.#waitingBytes += frame.length;
      this.#waiting.push(...frames);
    }
    if (!this.#overflowed) return;
    // Told here and not inside the caller's send, and once a turn.
    this.#overflowed = false;
    this.#host.unreachable(this.peer.id, 'overflow');
  }

  async #dial(): Promise<void> {
    this.#state = 'connecting';
    try {
      this.#connected(await this.#host.dial(this.peer, this.#giveUp.signal));
    } catch (error) {
      this.#failed(error instanceof DialError ? error : new DialError(String(error), 'unreachable'));
    }
  }

  #connected(socket: OpenSocket): void {
    const connection: Connection = new Connection(socket, {
      message: () => connection.terminate('the listener spoke on a connection that is not its own'),
      closed: (why) => this.#lost(connection, why),
    });
    if (this.#state === 'closed') {
      connection.terminate('given up');
      return;
    }
    this.#state = 'connected';
    this.#connection = connection;
    this.#proven = false;
    this.#lastFailure = undefined;
    this.#host.heart.add(connection);
    this.#host.logger.info({ peer: this.peer.name, address: this.peer.address }, 'connected');
    for (const frame of this.#waiting) connection.send(frame);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #failed(error: DialError): void {
    if (this.#state === 'closed') return;
    this.#forget();
    // A peer that stays away is one line in the log, not one a second.
    const level = this.#lastFailure === error.message ? 'debug' : 'warn';
    const { name, address } = this.peer;
    this.#host.logger[level]({ peer: name, address, error: error.message }, 'cannot connect');
    this.#lastFailure = error.message;
    this.#wait();
    this.#host.unreachable(this.peer.id, error.reason);
  }

  #lost(connection: Connection, why: string): void {
    this.#host.heart.remove(connection);
    this.#connection = undefined;
    if (this.#state === 'closed') return;
    this.#forget();
    this.#host.logger.warn({ peer: this.peer.name, why }, 'connection lost');
    // At once after a connection that was good: whether the process behind it lives decides how fast a new leader is
    // sought.
    if (this.#proven) this.open();
    else this.#wait();
    this.#host.unreachable(this.peer.id, 'lost');
  }

  #wait(): void {
    this.#state = 'waiting';
    this.#timer = setTimeout(() => this.open(), this.#backoff.next());
    this.#timer.unref();
  }

  #forget(): void {
    this.#outbox.clear();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
