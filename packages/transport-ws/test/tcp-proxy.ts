import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A wire between two ends that a test can freeze (open, but nothing passes, as with a pulled cable) or cut (reset). */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #frozen = false;
  /** Connections taken so far. */
  connections = 0;
  /** Bytes passed from the dialler to the listener. */
  forwarded = 0;
  /** Time after each chunk before the next is read from the dialler, in ms: a slow way. */
  chunkPauseMs: number | undefined;
  /** Called with the running total. */
  onForward: ((total: number) => void) | undefined;

  constructor(targetPort: number) {
    this.#server = createServer((near) => {
      this.connections++;
      const far = connect(targetPort, '127.0.0.1');
      const pair = [near, far] as const;
      this.#pairs.add(pair);
      this.#pass(near, far, true);
      this.#pass(far, near, false);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  freeze(): void {
    this.#frozen = true;
    for (const socket of [...this.#pairs].flat()) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of [...this.#pairs].flat()) socket.resume();
  }

  cut(): void {
    for (const socket of [...this.#pairs].flat()) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of [...this.#pairs].flat()) socket.destroy();
    await closed;
  }

  #pass(from: Socket, to: Socket, counted: boolean): void {
    from.on('error', () => undefined);
    if (this.#frozen) from.pause();
    from.on('data', (chunk: Buffer) => {
      if (counted) this.forwarded += chunk.length;
      to.write(chunk);
      if (counted) this.onForward?.(this.forwarded);
      if (!counted || this.chunkPauseMs === undefined) return;
      from.pause();
      setTimeout(() => from.resume(), this.chunkPauseMs);
    });
    from.on('close', () => to.destroy());
  }
}
