import type { RawData, WebSocket } from 'ws';
import type { CloseCode } from './hello.js';

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
  readonly #events: ConnectionEvents;
  #fault: string | undefined;
  #ended = false;
  #heard = true;
  #missed = 0;
  #sentBytes = 0;
  #drainedBytes = 0;
  #backlogBytes = 0;

  constructor(ws: WebSocket, events: ConnectionEvents) {
    this.#ws = ws;
    this.#events = events;
    ws.on('message', (data: RawData, isBinary: boolean) => this.#message(data, isBinary));
    ws.on('pong', () => (this.#heard = true));
    ws.on('ping', () => (this.#heard = true));
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
    this.#sentBytes += data.length;
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
   * One beat of the heart: asks for a sign of life and counts those that did not come.
   *
   * Beats are counted, not milliseconds: after a stall of this process's own event loop, one late beat is one beat, and
   * what the peer sent meanwhile is read before the next. Data that the peer still takes count too: behind a long
   * backlog a pong comes late.
   */
  beat(missesMax: number): void {
    if (!this.open) return;
    const backlog = this.backlogBytes;
    const drained = this.#sentBytes - backlog;
    if (this.#heard || (this.#backlogBytes > 0 && drained > this.#drainedBytes)) this.#missed = 0;
    else this.#missed++;
    this.#heard = false;
    this.#drainedBytes = drained;
    this.#backlogBytes = backlog;
    if (this.#missed >= missesMax) this.terminate(`no sign of life, ${this.#missed} times in a row`);
    else this.#ws.ping();
  }

  #message(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    this.#heard = true;
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
