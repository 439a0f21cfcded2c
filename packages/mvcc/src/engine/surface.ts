import type { EngineStream, KvEngine } from './engine.js';

/**
 * What a method of an engine is to a port. A write whose answer is lost has an unknown outcome; a read can be asked
 * again.
 */
export type MethodKind = 'read' | 'write' | 'stream';

type KindOf<M> = M extends (...args: never[]) => EngineStream<unknown>
  ? 'stream'
  : M extends (...args: never[]) => Promise<unknown>
    ? 'read' | 'write'
    : never;

/**
 * The methods of an engine that a port serves, one line a method; the compiler asks for all of them.
 *
 * A call is `(request, control) => Promise`, a stream `(request) => EngineStream`; requests, results and items are
 * structured-cloneable.
 */
export type Surface<E> = { readonly [M in keyof E]: KindOf<E[M]> };

/** The methods of a {@link KvEngine}; an engine with more spreads it. */
export const kvSurface: Surface<KvEngine> = {
  write: 'write',
  get: 'read',
  range: 'read',
  iterate: 'stream',
  watch: 'stream',
  lease: 'read',
  leases: 'stream',
};

/** A `MessagePort` of `node:worker_threads`, as far as it is needed. */
export interface EnginePort {
  postMessage(message: unknown): void;
  on(event: 'message' | 'messageerror', listener: (message: unknown) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  close(): void;
  ref(): void;
  unref(): void;
}

/** Bounds of one port; beyond them `ERR_OVERLOADED`, nothing sent. */
export interface PortLimits {
  /** Calls without an answer. */
  readonly portCalls: number;
  /** Open streams. */
  readonly portStreams: number;
}

/** The bounds unless told: more than one session, and one store's watches, may have open. */
export const defaultPortLimits: PortLimits = { portCalls: 16_384, portStreams: 131_072 };
