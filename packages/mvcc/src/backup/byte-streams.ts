import { CoterieError } from '@coterie/errors';
import type { Readable, Writable } from 'node:stream';
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { invalid, isBytes } from '../kv/arguments.js';
import { throwIfAborted } from '../kv/call-control.js';

/** How long a stream of the caller may take nothing or give nothing. */
export const stallMs = 60_000;

/** Where a backup goes. */
export type ByteSink = Writable | WritableStream<Uint8Array>;
/** Where a backup comes from. */
export type ByteSource = Readable | ReadableStream<Uint8Array>;

/** A sink that is written piece by piece; each step resolves when the sink wants more. */
interface Taker {
  write(chunk: Uint8Array): Promise<unknown>;
  /** Resolves when the sink has it all. */
  end(): Promise<unknown>;
  abort(error: Error): void;
}

/**
 * Writes pieces to a sink of the caller at its pace, and ends it.
 *
 * When anything fails (a piece, the sink, the signal, a sink that takes nothing for a minute) the sink is destroyed, so
 * that what came so far is not taken for a whole file.
 *
 * @throws CoterieError ERR_STORAGE for what the sink says, ERR_TIMEOUT, ERR_ABORTED; what `next` throws
 */
export async function writeAll(
  sink: ByteSink,
  next: () => Promise<Uint8Array | undefined>,
  control: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
): Promise<void> {
  const taker = takerOf(sink);
  const patience = new Patience(control);
  try {
    for (;;) {
      const chunk = await patience.wait(next());
      if (chunk === undefined) break;
      await patience.wait(sinkStep(taker.write(chunk)), stallMs);
    }
    await patience.wait(sinkStep(taker.end()), stallMs);
  } catch (error) {
    taker.abort(error as Error);
    throw error;
  } finally {
    patience.close();
  }
}

/** The pieces of a source of the caller. @throws CoterieError ERR_INVALID_ARGUMENT, ERR_STORAGE, ERR_TIMEOUT */
export async function* readAll(
  source: ByteSource | AsyncIterable<Uint8Array>,
  control: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  const patience = new Patience(control);
  let whole = false;
  try {
    for (;;) {
      const next = await patience.wait(sinkStep(iterator.next()), stallMs);
      if (next.done === true) break;
      if (!isBytes(next.value)) throw invalid('from', 'must give bytes');
      yield next.value;
    }
    whole = true;
  } finally {
    patience.close();
    // Not waited for: a source that hangs may never answer.
    if (!whole) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Refuses what is no stream to read from. @throws CoterieError ERR_INVALID_ARGUMENT */
export function checkSource(source: unknown): void {
  const given = source as { readonly [Symbol.asyncIterator]?: unknown } | null | undefined;
  if (typeof given?.[Symbol.asyncIterator] !== 'function') throw invalid('from', 'must be a readable stream');
}

/** @throws CoterieError ERR_INVALID_ARGUMENT */
function takerOf(sink: unknown): Taker {
  const given = sink as Partial<Writable & WritableStream<Uint8Array>> | null | undefined;
  if (typeof given?.getWriter === 'function') return webTaker(given as WritableStream<Uint8Array>);
  if (typeof given?.write === 'function' && typeof given.end === 'function') return nodeTaker(given as Writable);
  throw invalid('to', 'must be a writable stream');
}

function webTaker(sink: WritableStream<Uint8Array>): Taker {
  const writer = sink.getWriter();
  return {
    write: (chunk) => writer.write(chunk),
    end: () => writer.close(),
    abort: (error) => {
      writer.abort(error).catch(() => undefined);
    },
  };
}

function nodeTaker(sink: Writable): Taker {
  let failed: ((error: Error) => void) | undefined;
  let fault: Error | undefined;
  const onError = (error: Error): void => {
    fault ??= error;
    failed?.(error);
  };
  sink.on('error', onError);
  sink.on('close', () => onError(new Error('the stream was closed before it had everything')));
  const step = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (fault !== undefined) {
        reject(fault);
        return;
      }
      failed = reject;
      begin(() => {
        failed = undefined;
        resolve();
      });
    });
  return {
    // Called back when the sink has taken it: at most one piece is on its way.
    write: (chunk) =>
      step((done) => {
        sink.write(chunk, (error) => (error ? onError(error) : done()));
      }),
    end: () =>
      step((done) => {
        sink.end(done);
      }),
    abort: (error) => {
      sink.destroy(error);
    },
  };
}

async function sinkStep<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof CoterieError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new CoterieError('ERR_STORAGE', { message: `the stream of the backup failed: ${text}`, cause: error });
  }
}

/** Waits for steps, but no longer than the caller wants to. */
class Patience {
  readonly #signal: AbortSignal | undefined;
  readonly #limit: AbortSignal | undefined;
  readonly #timeoutMs: number;
  #give: ((error: Error) => void) | undefined;
  readonly #onEnd = (): void => this.#give?.(this.#error());

  constructor({
    signal,
    timeoutMs = 0,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly timeoutMs?: number | undefined;
  }) {
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
    this.#limit = timeoutMs === 0 ? undefined : AbortSignal.timeout(timeoutMs);
    for (const each of [this.#signal, this.#limit]) each?.addEventListener('abort', this.#onEnd);
  }

  async wait<T>(step: Promise<T>, limitMs?: number): Promise<T> {
    if (this.#signal?.aborted === true || this.#limit?.aborted === true) {
      step.catch(() => undefined);
      throw this.#error();
    }
    const stalled = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
    return new Promise<T>((resolve, reject) => {
      this.#give = reject;
      stalled?.addEventListener('abort', () => reject(timedOut(`the stream did not move for ${limitMs} ms`)));
      step.then(resolve, reject);
    });
  }

  close(): void {
    for (const each of [this.#signal, this.#limit]) each?.removeEventListener('abort', this.#onEnd);
  }

  #error(): Error {
    try {
      throwIfAborted(this.#signal);
    } catch (error) {
      return error as Error;
    }
    return timedOut(`it was not done within ${this.#timeoutMs} ms`);
  }
}

function timedOut(message: string): CoterieError {
  return new CoterieError('ERR_TIMEOUT', { message });
}
