import { op, openStore, type KvStore } from '@coterie/mvcc';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const keyBytes = 32;
/** Of the values of every case. */
export const valueBytes = 256;
const putsPerTxn = 100;
const openTxns = 16;
const overloadedMs = 20;
const differentValues = 1024;

/** Values that do not compress. */
export const values: readonly string[] = Array.from({ length: differentValues }, () =>
  randomBytes(valueBytes).toString('base64').slice(0, valueBytes),
);

/** The name of the n-th key: 32 bytes. */
export const keyOf = (n: number): string => `key/${String(n).padStart(keyBytes - 4, '0')}`;

/** Some value. */
export const someValue = (): string => values[Math.floor(Math.random() * differentValues)]!;

/** Some key of the first so many. */
export const someKey = (keys: number): string => keyOf(Math.floor(Math.random() * keys));

/** Again while the store is overloaded: what only prepares a measurement waits for the disk. */
export async function patiently(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_OVERLOADED') throw error;
      await sleep(overloadedMs);
    }
  }
}

/** Writes the first so many keys, many at a time. */
export async function fill(store: KvStore, keys: number): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < keys) {
      const first = next;
      next = Math.min(keys, next + putsPerTxn);
      const numbers = Array.from({ length: next - first }, (_, i) => first + i);
      await patiently(() => store.txn({ success: numbers.map((n) => op.put(keyOf(n), someValue())) }));
    }
  };
  await Promise.all(Array.from({ length: openTxns }, writer));
}

/** Opens a store, lets it be used, and closes it. */
export async function withStore<T>(
  options: Parameters<typeof openStore>[0],
  use: (store: KvStore) => Promise<T>,
): Promise<T> {
  const store = await openStore({ ...options, closeTimeoutMs: 60_000 });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
