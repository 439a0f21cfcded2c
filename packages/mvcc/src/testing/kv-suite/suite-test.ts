import assert from 'node:assert/strict';
import { CoterieError, type ErrorCode } from '@coterie/errors';
import type { Kv } from '../../kv/kv.js';

/** A store to be tried. */
export interface KvUnderTest {
  /** The root view, empty or not. */
  readonly kv: Kv;
  /** Closes the store for good. */
  close(): Promise<void>;
}

/** What a test of the suite gets. */
export interface TestContext {
  /** A namespace of the test's own, empty. */
  readonly kv: Kv;
  /** The whole store, shared with the other tests. */
  readonly root: Kv;
  /** The prefix of `kv`. */
  readonly prefix: string;
  /** A store of the test's own, to be closed by it. */
  readonly open: () => Promise<KvUnderTest>;
}

export type SuiteTests = Readonly<Record<string, (context: TestContext) => Promise<void>>>;

/** The error that a promise rejects with, which must be a CoterieError with this code. */
export async function rejection(
  promise: PromiseLike<unknown>,
  code: ErrorCode,
): Promise<CoterieError & Record<string, unknown>> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    assert.ok(error instanceof CoterieError, `a CoterieError, not ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return error as CoterieError & Record<string, unknown>;
  }
  assert.fail(`should reject with ${code}, resolved with ${JSON.stringify(value)}`);
}

/** The present revision of the store. */
export async function revisionOf(kv: Kv): Promise<number> {
  return (await kv.range({ prefix: 'none' }, { limit: 1 })).revision;
}

/** The next item of an iterator, which must have one. */
export async function nextOf<T>(iterator: AsyncIterator<T>): Promise<T> {
  const result = await iterator.next();
  assert.equal(result.done ?? false, false, 'there is a next item');
  return result.value as T;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
