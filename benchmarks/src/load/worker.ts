import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

const closeMsMax = 8_000;

/** A process of a measured system, and the calls to it. */
export class Worker {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #nextId = 1;
  #ended = false;
  /** Resolves when it serves. */
  readonly opened: Promise<void>;

  /** @param module the program, which ends in `serveWorker`; @param options for it, as JSON in its first argument */
  constructor(name: string, module: URL, options: object) {
    this.name = name;
    const { BENCH_NODE_OPTIONS = '' } = process.env;
    const nodeOptions = BENCH_NODE_OPTIONS === '' ? [] : BENCH_NODE_OPTIONS.split(' ');
    this.#child = spawn(process.execPath, [...nodeOptions, fileURLToPath(module), JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.opened = new Promise((resolve, reject) => {
      this.#child.once('message', () => resolve());
      this.#child.once('exit', () => reject(new Error(`${this.name} did not start`)));
    });
    this.#child.on('message', (message: WorkerReply | 'open') => {
      if (message === 'open') return;
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if ('error' in message) call?.reject(new Error(`${this.name}: ${message.error}`));
      else call?.resolve(message.result);
    });
    this.#child.once('exit', (code, signal) => {
      this.#ended = true;
      for (const call of this.#calls.values()) call.reject(new Error(`${this.name} ended (${signal ?? code ?? ''})`));
    });
  }

  /** @throws when the process has ended */
  call<T>(request: WorkerRequest): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new Error(`${this.name} has ended`));
        return;
      }
      const id = this.#nextId++;
      this.#calls.set(id, { resolve: resolve, reject });
      // Ctrl-C ends all processes of a terminal: a channel may be gone before its process is known to be.
      this.#child.send({ id, request }, (error) => {
        if (error === null) return;
        this.#calls.delete(id);
        reject(new Error(`${this.name} cannot be asked`, { cause: error }));
      });
    });
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#child, 'exit');
    const inTime = { ref: false } as const;
    await Promise.race([this.call({ type: 'close' }).catch(() => undefined), sleep(closeMsMax, undefined, inTime)]);
    // It ends by itself then, and writes what Node was asked to write at the end.
    if (this.#child.connected) this.#child.disconnect();
    await Promise.race([ended, sleep(closeMsMax, undefined, inTime)]);
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Starts them together; closes all when one does not start. */
export async function startWorkers(workers: readonly Worker[]): Promise<readonly Worker[]> {
  try {
    await Promise.all(workers.map((worker) => worker.opened));
    return workers;
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.close()));
    throw error;
  }
}
