import { CoterieError, toPlainError, type PlainError } from '@coterie/errors';
import type { CallControl, EngineStream, KvEngine } from './engine.js';
import { ownBytes, type FromEngine, type ToEngine } from './port-messages.js';
import {
  defaultPortLimits,
  kvSurface,
  type EnginePort,
  type MethodKind,
  type PortLimits,
  type Surface,
} from './surface.js';

/** How an engine is served. */
export interface ServeOptions<E> {
  /** Default: that of a {@link KvEngine}. */
  readonly surface?: Surface<E> | undefined;
  readonly limits?: Partial<PortLimits> | undefined;
}

/** An engine at work on a port. */
export interface EngineServer {
  /** Calls that were not answered yet; streams that are open. */
  readonly open: { readonly calls: number; readonly streams: number };
  /** Gives up what is open and closes the port; the engine stays. Idempotent. */
  close(): void;
}

type Call = (request: unknown, control: CallControl) => Promise<unknown>;
type Open = (request: unknown) => EngineStream<unknown>;

class Server implements EngineServer {
  readonly #engine: Readonly<Record<string, unknown>>;
  readonly #surface: Readonly<Record<string, MethodKind>>;
  readonly #port: EnginePort;
  readonly #limits: PortLimits;
  /** Ids of open calls; a controller for those that may be cancelled. */
  readonly #calls = new Map<number, AbortController | undefined>();
  readonly #streams = new Map<number, EngineStream<unknown>>();
  #closed = false;

  constructor(engine: object, surface: object, port: EnginePort, limits: PortLimits) {
    this.#engine = engine as Readonly<Record<string, unknown>>;
    this.#surface = surface as Readonly<Record<string, MethodKind>>;
    this.#port = port;
    this.#limits = limits;
    port.on('message', (message) => this.#receive(message as ToEngine));
    port.on('messageerror', () => this.close());
    port.on('close', () => this.#release());
  }

  get open(): { readonly calls: number; readonly streams: number } {
    return { calls: this.#calls.size, streams: this.#streams.size };
  }

  #receive(message: ToEngine): void {
    if (this.#closed) return;
    switch (message.kind) {
      case 'call':
        void this.#call(message);
        break;
      case 'open':
        this.#open(message);
        break;
      case 'cancel':
        this.#calls.get(message.id)?.abort();
        break;
      case 'pull':
        void this.#pull(message.id);
        break;
      case 'close':
        this.#streams.get(message.id)?.close();
        this.#streams.delete(message.id);
        break;
    }
  }

  #kindOf(method: string): MethodKind | undefined {
    return Object.hasOwn(this.#surface, method) ? this.#surface[method] : undefined;
  }

  async #call({ id, method, request, timeoutMs, cancellable }: Extract<ToEngine, { kind: 'call' }>): Promise<void> {
    const kind = this.#kindOf(method);
    if (kind !== 'read' && kind !== 'write') {
      this.#fail(id, notServed(method));
      return;
    }
    if (this.#calls.size >= this.#limits.portCalls) {
      this.#fail(id, overloaded('portCalls', this.#limits));
      return;
    }
    const controller = cancellable ? new AbortController() : undefined;
    this.#calls.set(id, controller);
    try {
      // Called before the first await: the engine sees calls in the order in which they were made.
      const value = await (this.#engine[method] as Call)(request, { timeoutMs, signal: controller?.signal });
      this.#post({ kind: 'result', id, value: ownBytes(value) });
    } catch (error) {
      this.#fail(id, kind === 'write' ? ofWrite(error) : toPlainError(error));
    } finally {
      this.#calls.delete(id);
    }
  }

  #open({ id, method, request }: Extract<ToEngine, { kind: 'open' }>): void {
    if (this.#kindOf(method) !== 'stream') {
      this.#fail(id, notServed(method));
      return;
    }
    if (this.#streams.size >= this.#limits.portStreams) {
      this.#fail(id, overloaded('portStreams', this.#limits));
      return;
    }
    try {
      this.#streams.set(id, (this.#engine[method] as Open)(request));
    } catch (error) {
      this.#fail(id, toPlainError(error));
    }
  }

  async #pull(id: number): Promise<void> {
    const stream = this.#streams.get(id);
    // Its error or its end has been told already.
    if (stream === undefined) return;
    try {
      const items = await stream.next();
      if (items === undefined) this.#streams.delete(id);
      this.#post({ kind: 'items', id, items: ownBytes(items) as typeof items });
    } catch (error) {
      this.#streams.delete(id);
      stream.close();
      this.#fail(id, toPlainError(error));
    }
  }

  #fail(id: number, error: PlainError): void {
    // The fields of an error are data like any other; what cannot be cloned must not cost the caller its answer.
    try {
      this.#post({ kind: 'error', id, error });
    } catch {
      this.#post({ kind: 'error', id, error: { ...error, fields: {} } });
    }
  }

  #post(message: FromEngine): void {
    if (!this.#closed) this.#port.postMessage(message);
  }

  close(): void {
    this.#release();
    this.#port.close();
  }

  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const controller of this.#calls.values()) controller?.abort();
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }
}

/** A fault without an outcome (a broken invariant, an answer that cannot be cloned) says nothing about the write. */
function ofWrite(error: unknown): PlainError {
  const plain = toPlainError(error);
  return plain.outcome === undefined ? { ...plain, outcome: 'unknown', retryable: false } : plain;
}

function notServed(method: string): PlainError {
  return toPlainError(
    new CoterieError('ERR_PROTOCOL', { message: `the engine has no '${method}'`, outcome: 'not-applied' }),
  );
}

function overloaded(name: keyof PortLimits, limits: PortLimits): PlainError {
  const message = `the port has ${limits[name]} open (limit ${name})`;
  return toPlainError(new CoterieError('ERR_OVERLOADED', { message, outcome: 'not-applied' }));
}

/**
 * Serves an engine to the other end of a port.
 *
 * @example
 * ```ts
 * import { MessageChannel } from 'node:worker_threads';
 * import { connectEngine, createKv, serveEngine, type KvEngine } from '@coterie/mvcc';
 *
 * export function throughPort(engine: KvEngine) {
 *   const { port1, port2 } = new MessageChannel();
 *   serveEngine(engine, port1);
 *   return createKv(connectEngine(port2).engine);
 * }
 * ```
 */
export function serveEngine<E extends KvEngine = KvEngine>(
  engine: E,
  port: EnginePort,
  options: ServeOptions<E> = {},
): EngineServer {
  return new Server(engine, options.surface ?? kvSurface, port, { ...defaultPortLimits, ...options.limits });
}
