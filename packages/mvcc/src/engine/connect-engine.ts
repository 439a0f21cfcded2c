import { CoterieError, fromPlainError, type PlainError } from '@coterie/errors';
import type { CallControl, EngineStream, KvEngine } from './engine.js';
import { ownBytes, type FromEngine, type ToEngine } from './port-messages.js';
import { PortStream } from './port-stream.js';
import { defaultPortLimits, kvSurface, type EnginePort, type PortLimits, type Surface } from './surface.js';

/** How an engine behind a port is reached. */
export interface ConnectOptions<E> {
  /** Default: that of a {@link KvEngine}. */
  readonly surface?: Surface<E> | undefined;
  readonly limits?: Partial<PortLimits> | undefined;
}

/** An engine behind a port. */
export interface EngineConnection<E> {
  readonly engine: E;
  /** Resolves when the port has closed, from either side. */
  readonly closed: Promise<void>;
  /** Rejects what is open with `ERR_CLOSED` and closes the port. Idempotent. */
  close(): void;
  /** Whether the port keeps the process alive. At first it does. */
  ref(): void;
  unref(): void;
}

interface PendingCall {
  readonly write: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: (() => void) | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

class Connection {
  readonly closed: Promise<void>;
  readonly #port: EnginePort;
  readonly #limits: PortLimits;
  readonly #calls = new Map<number, PendingCall>();
  readonly #streams = new Map<number, PortStream>();
  #ids = 0;
  #closed = false;
  #settleClosed!: () => void;

  constructor(port: EnginePort, limits: PortLimits) {
    this.#port = port;
    this.#limits = limits;
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    port.on('message', (message) => this.#receive(message as FromEngine));
    // Which answer it was cannot be told: none of what is open can be relied on.
    port.on('messageerror', () => this.close());
    port.on('close', () => this.#release());
  }

  async call(method: string, write: boolean, request: unknown, control: CallControl = {}): Promise<unknown> {
    const { signal, timeoutMs } = control;
    if (this.#closed) throw refused('ERR_CLOSED', 'the engine is closed', write);
    if (this.#calls.size >= this.#limits.portCalls) throw this.#overloaded('portCalls', write);
    if (signal?.aborted === true)
      throw refused('ERR_ABORTED', 'the call was aborted by its signal', write, signal.reason);
    const id = ++this.#ids;
    const answer = new Promise<unknown>((resolve, reject) => {
      // The answer is still awaited: only the engine knows whether a write was applied by then.
      const onAbort = signal === undefined ? undefined : () => this.#post({ kind: 'cancel', id });
      this.#calls.set(id, { write, signal, onAbort, resolve, reject });
      if (onAbort !== undefined) signal?.addEventListener('abort', onAbort, { once: true });
    });
    try {
      this.#post({
        kind: 'call',
        id,
        method,
        request: ownBytes(request),
        timeoutMs,
        cancellable: signal !== undefined,
      });
    } catch (cause) {
      this.#take(id)?.reject(uncloneable(cause, write));
    }
    return answer;
  }

  open(method: string, request: unknown): EngineStream<unknown> {
    if (this.#closed) throw refused('ERR_CLOSED', 'the engine is closed', false);
    if (this.#streams.size >= this.#limits.portStreams) throw this.#overloaded('portStreams', false);
    const id = ++this.#ids;
    try {
      this.#post({ kind: 'open', id, method, request: ownBytes(request) });
    } catch (cause) {
      throw uncloneable(cause, false);
    }
    const stream = new PortStream({
      pull: () => this.#post({ kind: 'pull', id }),
      close: () => {
        if (this.#streams.delete(id)) this.#post({ kind: 'close', id });
      },
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #receive(message: FromEngine): void {
    const { id } = message;
    switch (message.kind) {
      case 'result':
        this.#take(id)?.resolve(message.value);
        return;
      case 'items':
        this.#streams.get(id)?.receive(message.items);
        if (message.items === undefined) this.#streams.delete(id);
        return;
      case 'error': {
        const call = this.#take(id);
        call?.reject(revived(message.error, call.signal));
        this.#streams.get(id)?.fail(fromPlainError(message.error));
        this.#streams.delete(id);
        return;
      }
    }
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    this.#calls.delete(id);
    if (call.onAbort !== undefined) call.signal?.removeEventListener('abort', call.onAbort);
    return call;
  }

  #post(message: ToEngine): void {
    if (!this.#closed) this.#port.postMessage(message);
  }

  #overloaded(name: keyof PortLimits, write: boolean): CoterieError {
    return refused('ERR_OVERLOADED', `the port has ${this.#limits[name]} open (limit ${name})`, write);
  }

  close(): void {
    this.#release();
    this.#port.close();
  }

  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#calls.keys()]) {
      const call = this.#take(id);
      call?.reject(lost(call.write));
    }
    for (const stream of [...this.#streams.values()]) stream.fail(lost(false));
    this.#streams.clear();
    this.#settleClosed();
  }
}

/** Before anything was sent. */
function refused(
  code: 'ERR_CLOSED' | 'ERR_OVERLOADED' | 'ERR_ABORTED',
  message: string,
  write: boolean,
  cause?: unknown,
): CoterieError {
  return new CoterieError(code, { message, cause, ...(write ? { outcome: 'not-applied' } : {}) });
}

function lost(write: boolean): CoterieError<'ERR_CLOSED'> {
  const message = 'the engine closed before it answered';
  return new CoterieError('ERR_CLOSED', { message, ...(write ? { outcome: 'unknown' } : {}) });
}

function uncloneable(cause: unknown, write: boolean): CoterieError<'ERR_INVALID_ARGUMENT'> {
  return new CoterieError('ERR_INVALID_ARGUMENT', {
    message: 'request cannot be sent to the engine: it is not structured-cloneable',
    argument: 'request',
    cause,
    ...(write ? { outcome: 'not-applied' } : {}),
  });
}

/** The reason of a signal stays on this side; here it is put back. */
function revived(plain: PlainError, signal: AbortSignal | undefined): CoterieError {
  if (plain.code !== 'ERR_ABORTED' || signal?.aborted !== true) return fromPlainError(plain);
  const { message, retryable, outcome, fields } = plain;
  const known = outcome === undefined ? {} : { outcome };
  return new CoterieError('ERR_ABORTED', { ...fields, message, retryable, ...known, cause: signal.reason });
}

/** The engine at the other end of a port, where `serveEngine` serves it. */
export function connectEngine<E extends KvEngine = KvEngine>(
  port: EnginePort,
  options: ConnectOptions<E> = {},
): EngineConnection<E> {
  const connection = new Connection(port, { ...defaultPortLimits, ...options.limits });
  const engine: Record<string, unknown> = {};
  for (const [method, kind] of Object.entries(options.surface ?? kvSurface)) {
    engine[method] =
      kind === 'stream'
        ? (request: unknown) => connection.open(method, request)
        : (request: unknown, control?: CallControl) => connection.call(method, kind === 'write', request, control);
  }
  return {
    engine: engine as unknown as E,
    closed: connection.closed,
    close: () => connection.close(),
    ref: () => port.ref(),
    unref: () => port.unref(),
  };
}
