import type { Connection } from './connection.js';

/** One timer for the signs of life of all connections of a transport. */
export class Heart {
  readonly #connections = new Set<Connection>();
  readonly #timer: NodeJS.Timeout;

  constructor(intervalMs: number, missesMax: number, onBeat: () => void) {
    this.#timer = setInterval(() => {
      for (const connection of this.#connections) connection.beat(missesMax);
      onBeat();
    }, intervalMs);
    // Sockets hold the process, timers never do: without a socket there is nothing to ask.
    this.#timer.unref();
  }

  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#connections.clear();
  }
}
