import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { CloseCode } from './hello.js';

/** A WebSocket after its hello, and the socket beneath it. */
export interface OpenSocket {
  readonly ws: WebSocket;
  readonly socket: Socket;
}

/** What a connection tells its owner. Neither is called again after `closed`. */
export interface ConnectionEvents {
  message(data: Buffer): void;
  closed(why: string): void;
}

/**
 * An open WebSocket after its hello: binary messages, a sign of life now and then, and one end.
 *
 * `ws` emits `error` and then `close` for every fault; both are heard here for as long as the socket lives.
 */
export class Connection {
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  #fault: string | undefined;
  #ended = false;
  #missed = 0;
  #bytesRead: number;

  constructor({ ws, socket }: OpenSocket, events: ConnectionEvents) {
    this.#ws = ws;
    this.#socket = socket;
    this.#bytesRead = socket.bytesRead;
    this.#events = events;
    ws.on('message', (data: RawData, isBinary: boolean) => this.#message(data, isBinary));
    ws.on('error', (error) => (this.#fault ??= error.message));
    ws.on('close', (code, reason) => this.#end(code, reason));
    // A socket that closed before anybody listened will not say so again.
    if (ws.readyState === ws.CLOSED) queueMicrotask(() => this.#end(1006, Buffer.alloc(0)));
  }

  /** Bytes accepted and not yet taken by the operating system. */
  get backlogBytes(): number {
    return this.#ws.bufferedAmount;
  }

  get open(): boolean {
    return !this.#ended && this.#ws.readyState === this.#ws.OPEN;
  }

  /** Never throws; on a connection that is ending the data go nowhere. */
  send(data: Uint8Array): void {
    if (!this.open) return;
    this.#ws.send(data);
  }

  /** Ends politely: what was sent before goes out first. Whoever cannot wait calls `terminate`. */
  close(code: CloseCode, reason: string): void {
    this.#fault ??= reason;
    this.#ws.close(code, reason);
  }

  terminate(reason: string): void {
    this.#fault ??= reason;
    this.#ws.terminate();
  }

  /**
   * One beat of the heart: asks for a sign of life, and counts the beats without one.
   *
   * Beats are counted, not milliseconds: after a stall of this process's own event loop, one late beat is one beat, and
   * what the peer sent meanwhile is read before the next. Any byte is a sign, because a long frame on a slow way takes
   * many beats to arrive; and as both ends ask, the peer's own question comes in time even when the answer to ours
   * waits behind a backlog.
   */
  beat(missesMax: number): void {
    if (!this.open) return;
    const { bytesRead } = this.#socket;
    this.#missed = bytesRead === this.#bytesRead ? this.#missed + 1 : 0;
    this.#bytesRead = bytesRead;
    if (this.#missed > missesMax) this.terminate(`no sign of life for ${this.#missed} beats`);
    else this.#ws.ping();
  }

  #message(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    if (isBinary && Buffer.isBuffer(data)) this.#events.message(data);
    else this.terminate('a text message');
  }

  #end(code: number, reason: Buffer): void {
    if (this.#ended) return;
    this.#ended = true;
    const said = reason.length > 0 ? `${code} ${reason.toString()}` : String(code);
    this.#events.closed(this.#fault ?? said);
  }
}
