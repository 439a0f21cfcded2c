import type { Socket } from 'node:net';

/**
 * Those who have connected and not yet said who they are: few, and not for long.
 *
 * A port that anybody on the machine can reach must not let strangers pile up sockets, whether they speak HTTP slowly
 * or not at all.
 */
export class Lobby {
  readonly #max: number;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<Socket, NodeJS.Timeout>();

  constructor(max: number, timeoutMs: number) {
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns false when there is no room */
  enter(socket: Socket): boolean {
    if (this.#waiting.has(socket)) return true;
    if (this.#waiting.size >= this.#max) return false;
    const timer = setTimeout(() => socket.destroy(), this.#timeoutMs).unref();
    this.#waiting.set(socket, timer);
    socket.once('close', () => this.leave(socket));
    return true;
  }

  /** The socket has said who it is, or is gone. */
  leave(socket: Socket): void {
    clearTimeout(this.#waiting.get(socket));
    this.#waiting.delete(socket);
  }
}
