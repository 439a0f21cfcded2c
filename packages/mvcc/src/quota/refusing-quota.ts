import { CoterieError } from '@coterie/errors';
import { onlyKey } from '../command/key-range.js';
import type { Operation, WriteRequest } from '../command/operation.js';
import { isSetting } from '../command/request-codec.js';
import type { BinaryKey, KeyEvent, KeyRecord } from '../store/types.js';
import { counterBytes } from '../txn/counter.js';
import { recordOverheadBytes } from '../txn/record.js';
import type { Exceeded, Quotas } from './quotas.js';

/** The longest text of a counter. */
const counterBytesMax = counterBytes(Number.MIN_SAFE_INTEGER).length;

/** What is known of a key without a disk. */
interface Known {
  peek(key: BinaryKey): KeyRecord | undefined | 'on-disk';
}

/**
 * The quota that refuses a write before it becomes an entry of the log.
 *
 * It refuses only what apply would refuse on the same state, whichever branch a transaction takes and whatever its
 * compares say: everything else is left to apply. Far below every quota it looks at no key, and it never reads the
 * disk: that would hold up the event loop, and could fail.
 */
export function refusingQuota(request: WriteRequest, quotas: Quotas, state: Known): Exceeded | undefined {
  if (request.kind === 'compact' || isSetting(request) || quotas.roomFor(mostBytes(request))) return undefined;
  switch (request.kind) {
    case 'put':
      // Under a condition it may do nothing, and then nothing refuses it.
      return request.ifRevision === undefined ? exceededBy([request], quotas, state) : undefined;
    case 'txn': {
      const success = exceededBy(request.success, quotas, state);
      return success === undefined ? undefined : exceededBy(request.failure, quotas, state);
    }
    default:
      return undefined;
  }
}

/** What the operations of one branch do if they are puts and deletes of single keys; of others too little is known. */
function exceededBy(operations: readonly Operation[], quotas: Quotas, state: Known): Exceeded | undefined {
  const events: KeyEvent[] = [];
  for (const operation of operations) {
    if (operation.kind === 'get' || operation.kind === 'range') continue;
    const key =
      operation.kind === 'put' ? operation.key : operation.kind === 'delete' ? onlyKey(operation.range) : undefined;
    if (key === undefined) return undefined;
    const before = state.peek(key);
    if (before === 'on-disk') return undefined;
    const after = operation.kind === 'put' ? { ...absent, value: operation.value } : undefined;
    events.push({ key, before, after });
  }
  return quotas.exceeded(quotas.measure({ revision: 0, events }));
}

const absent: KeyRecord = {
  value: new Uint8Array(0),
  createRevision: 0,
  modRevision: 0,
  version: 0,
  lease: 0,
  crc32c: 0,
};

/** More than a request can add. */
function mostBytes(request: WriteRequest | Operation): number {
  switch (request.kind) {
    case 'put':
      return request.key.length + request.value.length + recordOverheadBytes;
    case 'add':
      return request.key.length + counterBytesMax + recordOverheadBytes;
    case 'txn':
      return Math.max(sum(request.success), sum(request.failure));
    default:
      return 0;
  }
}

function sum(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const operation of operations) bytes += mostBytes(operation);
  return bytes;
}

/** Why a write was not taken. */
export function beyondQuota({ prefix, bytes }: Exceeded): CoterieError {
  const text = JSON.stringify(Buffer.from(prefix, 'latin1').toString('utf8'));
  const whose = prefix === '' ? 'the store' : `the prefix ${text}`;
  const message = `the write would go beyond the quota of ${whose}, ${bytes} bytes: delete keys, or raise the quota`;
  return new CoterieError('ERR_NO_SPACE', { message, limit: bytes, outcome: 'not-applied' });
}
