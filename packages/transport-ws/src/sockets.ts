import type { Socket } from 'node:net';

/** Every socket a transport owns, so that it can let the process go, hold it again, and leave none behind. */
export class Sockets {
  readonly #open = new Set<Socket>();
  #held = true;

  track(socket: Socket): void {
    if (this.#open.has(socket) || socket.destroyed) return;
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    if (!this.#held) socket.unref();
  }

  ref(): void {
    this.#held = true;
    for (const socket of this.#open) socket.ref();
  }

  unref(): void {
    this.#held = false;
    for (const socket of this.#open) socket.unref();
  }

  /** Resolves when those that are open now have closed by themselves. */
  async drained(): Promise<void> {
    await Promise.all(
      [...this.#open].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))),
    );
  }

  /** Destroys all and waits until the last one is closed. */
  async destroyAll(): Promise<void> {
    const drained = this.drained();
    for (const socket of this.#open) socket.destroy();
    await drained;
  }
}
