import { isUint8Array } from 'node:util/types';
import type { PlainError } from '@coterie/errors';

/**
 * From the side that holds the application to the side that has the engine. Ids are the caller's, and never used twice.
 */
export type ToEngine =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: string;
      readonly request: unknown;
      readonly timeoutMs: number | undefined;
      /** A `cancel` may come. */
      readonly cancellable: boolean;
    }
  | { readonly kind: 'open'; readonly id: number; readonly method: string; readonly request: unknown }
  /** Of a call: give up. */
  | { readonly kind: 'cancel'; readonly id: number }
  /** Of a stream: the next items. */
  | { readonly kind: 'pull'; readonly id: number }
  /** Of a stream: no more. */
  | { readonly kind: 'close'; readonly id: number };

/** The answers. */
export type FromEngine =
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  /** To a pull; without items the stream has ended. */
  | { readonly kind: 'items'; readonly id: number; readonly items: readonly unknown[] | undefined }
  /** Of a call, or of a stream at its next pull. */
  | { readonly kind: 'error'; readonly id: number; readonly error: PlainError };

/**
 * The same data with every view of bytes on memory of its own.
 *
 * Structured clone copies the whole buffer behind a view: ten bytes out of Node's pool would cross as 8 KiB, a value
 * within a received frame as the frame.
 */
export function ownBytes(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data;
  if (isUint8Array(data)) return data.byteLength === data.buffer.byteLength ? data : new Uint8Array(data);
  if (Array.isArray(data)) return mapped(data);
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(data)) {
    const own = ownBytes(value);
    if (own === value) continue;
    copy ??= { ...data };
    copy[name] = own;
  }
  return copy ?? data;
}

function mapped(items: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (const [i, item] of items.entries()) {
    const own = ownBytes(item);
    if (own === item) continue;
    copy ??= [...items];
    copy[i] = own;
  }
  return copy ?? items;
}
