import type { ErrorCode, PeerOptions } from 'coterie';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const childFile = fileURLToPath(new URL('./peer-child.mjs', import.meta.url));

/**
 * What a call in the other process failed with. `code` is missing where it was no CoterieError: then the test must
 * fail.
 */
export class RemoteError extends Error {
  readonly code: ErrorCode | undefined;
  readonly retryable: boolean | undefined;
  readonly outcome: 'not-applied' | 'unknown' | 'applied' | undefined;

  constructor(plain: { message: string; code?: ErrorCode; retryable?: boolean; outcome?: RemoteError['outcome'] }) {
    super(plain.message);
    this.code = plain.code;
    this.retryable = plain.retryable;
    this.outcome = plain.outcome;
  }
}

/** The process ended before it answered: what was asked may or may not have been done. */
export class ProcessEnded extends Error {}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<PeerProcess>();
const unexpected: string[] = [];

/** Kills what is still there and tells what ended although nobody ended it. Called after each test. */
export async function endProcesses(): Promise<readonly string[]> {
  await Promise.all([...running].map((process) => process.kill()));
  return unexpected.splice(0);
}

/** One process with one peer. */
export class PeerProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #nextId = 1;
  #stderr = '';
  #expected = false;

  constructor() {
    this.#child = spawn(process.execPath, [childFile], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.on('message', (message: { id: number; result?: unknown; error?: RemoteError }) => {
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.error === undefined) call?.resolve(message.result);
      else call?.reject(new RemoteError(message.error as never));
    });
    running.add(this);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      running.delete(this);
      if (!this.#expected) unexpected.push(`a peer's process ended with ${String(signal ?? code)}: ${this.#stderr}`);
      for (const { reject } of this.#calls.values()) reject(new ProcessEnded('the process ended'));
      this.#calls.clear();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** A process whose peer is open. @throws RemoteError what `openPeer` rejected with; the process is killed then */
  static async open(options: PeerOptions): Promise<PeerProcess> {
    const process = new PeerProcess();
    try {
      await process.call('open', options);
      return process;
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws RemoteError, ProcessEnded */
  call<T>(call: string, ...args: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#calls.set(id, { resolve: resolve, reject });
      // A channel that is gone is told by the exit as well, which rejects what is open.
      this.#child.send({ id, call, args }, (error) => {
        if (error === null) return;
        this.#calls.delete(id);
        reject(new ProcessEnded(error.message));
      });
    });
  }

  /** SIGKILL. */
  async kill(): Promise<Exit> {
    this.#expected = true;
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  /** An orderly close. The process then has to end by itself. */
  async close(): Promise<{ readonly closeMs: number; readonly exit: Promise<Exit> }> {
    this.#expected = true;
    const closeMs = await this.call<number>('close');
    return { closeMs, exit: this.exited };
  }
}
