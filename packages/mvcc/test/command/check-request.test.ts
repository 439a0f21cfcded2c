import { CoterieError } from '@coterie/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRequest } from '../../src/command/check-request.js';
import { encodeWrite } from '../../src/command/encode.js';
import { keyAlone } from '../../src/command/key-range.js';
import type { Comparison, Operation, TxnOperation, PutOperation, WriteRequest } from '../../src/command/operation.js';
import { defaultLimits, replicatedLimits, resolveLimits } from '../../src/limits.js';
import { aRequest } from './request-arbitrary.js';

const value = Uint8Array.of(1);
const put = (key: string): Operation => ({ kind: 'put', key, value, prev: false });
const del = (start: string, end?: string): Operation => ({
  kind: 'delete',
  range: end === undefined ? keyAlone(start) : { start, end },
  prev: false,
});
const get = (key: string): Operation => ({ kind: 'get', key });
const add = (key: string): Operation => ({ kind: 'add', key, delta: 1 });
const txn = (success: Operation[], failure: Operation[] = [], compare: Comparison[] = []): TxnOperation => ({
  kind: 'txn',
  compare,
  success,
  failure,
});
const absent = (key: string): Comparison => ({ target: 'version', range: keyAlone(key), sign: '==', operand: 0 });

function codeOf(request: WriteRequest, limits = defaultLimits): string {
  try {
    checkRequest(request, limits);
    return 'ok';
  } catch (error) {
    expect(error).toBeInstanceOf(CoterieError);
    expect((error as CoterieError).outcome).toBe('not-applied');
    return (error as CoterieError).code;
  }
}

const many = (count: number): Operation[] => Array.from({ length: count }, (_, at) => put(`k${at}`));

function nested(depth: number): TxnOperation {
  return depth === 1 ? txn([put('a'), get('b')]) : txn([get('c'), nested(depth - 1)]);
}

describe('the duplicate-key rule', () => {
  test.each<[string, TxnOperation, string]>([
    ['two puts of a key', txn([put('a'), put('a')]), 'ERR_DUPLICATE_KEY'],
    ['two puts of two keys', txn([put('a'), put('b')]), 'ok'],
    ['a put in each branch', txn([put('a')], [put('a')]), 'ok'],
    ['a put and an addition', txn([put('a'), add('a')]), 'ERR_DUPLICATE_KEY'],
    ['a put, then a delete of it', txn([put('a'), del('a')]), 'ERR_DUPLICATE_KEY'],
    ['a delete, then a put into its range', txn([del('a', 'c'), put('b')]), 'ERR_DUPLICATE_KEY'],
    ['a delete beside a put', txn([del('a', 'b'), put('b')]), 'ok'],
    ['overlapping deletes', txn([del('a', 'c'), del('b', 'd')]), 'ok'],
    ['a put and reads of it', txn([put('a'), get('a'), get('a')]), 'ok'],
    ['a put and one inside', txn([put('a'), txn([put('a')])]), 'ERR_DUPLICATE_KEY'],
    ['a put inside, then one', txn([txn([put('a')]), put('a')]), 'ERR_DUPLICATE_KEY'],
    ['a put in both branches inside', txn([txn([put('a')], [put('a')])]), 'ok'],
    ['puts in two transactions inside', txn([txn([put('a')]), txn([], [put('a')])]), 'ERR_DUPLICATE_KEY'],
    ['a put inside, a delete in the next one', txn([txn([put('a')]), txn([del('a', 'b')])]), 'ERR_DUPLICATE_KEY'],
    ['a fault in the failure branch', txn([], [put('a'), put('a')]), 'ERR_DUPLICATE_KEY'],
  ])('%s', (_, request, expected) => {
    expect(codeOf(request)).toBe(expected);
  });
});

describe('operations are counted as etcd does', () => {
  test.each<[string, TxnOperation, string]>([
    ['128 operations', txn(many(128)), 'ok'],
    ['129 operations', txn(many(129)), 'ERR_TOO_MANY_OPS'],
    ['129 in the failure branch', txn([], many(129)), 'ERR_TOO_MANY_OPS'],
    [
      '129 compares',
      txn(
        [],
        [],
        Array.from({ length: 129 }, () => absent('a')),
      ),
      'ERR_TOO_MANY_OPS',
    ],
    ['a nested one has what is left', txn([get('x'), get('y'), txn(many(125))]), 'ok'],
    ['and no more', txn([get('x'), get('y'), txn(many(126))]), 'ERR_TOO_MANY_OPS'],
    ['siblings do not share it', txn([get('x'), txn(many(126)), txn([get('z')])]), 'ERR_TOO_MANY_OPS'],
    ['a fence around 128 is not charged', txn([txn(many(128))], [], [absent('fence')]), 'ok'],
    ['nor a second fence', txn([txn([txn(many(128))], [], [absent('f')])], [], [absent('g')]), 'ok'],
    ['nesting to the limit', nested(replicatedLimits.txnDepth), 'ok'],
    ['nesting beyond it', nested(replicatedLimits.txnDepth + 1), 'ERR_TOO_MANY_OPS'],
    ['a fence around the deepest', txn([nested(replicatedLimits.txnDepth)], [], [absent('f')]), 'ok'],
  ])('%s', (_, request, expected) => {
    expect(codeOf(request)).toBe(expected);
  });

  test('fences without end are refused', () => {
    let request = txn([put('a')]);
    for (let at = 0; at < 40; at++) request = txn([request], [], [absent('f')]);
    expect(codeOf(request)).toBe('ERR_TOO_MANY_OPS');
  });
});

describe('sizes and arguments', () => {
  const large = (bytes: number): WriteRequest => ({ kind: 'put', key: 'k', value: new Uint8Array(bytes), prev: false });
  test.each<[string, WriteRequest, string]>([
    ['an empty key', { kind: 'put', key: '', value, prev: false }, 'ERR_INVALID_ARGUMENT'],
    ['an empty value', large(0), 'ok'],
    ['the longest key', { kind: 'put', key: 'k'.repeat(4096), value, prev: false }, 'ok'],
    ['a longer one', { kind: 'put', key: 'k'.repeat(4097), value, prev: false }, 'ERR_TOO_LARGE'],
    ['the longest key deleted', { kind: 'delete', range: keyAlone('k'.repeat(4096)), prev: false }, 'ok'],
    ['the largest value', large(replicatedLimits.valueBytes), 'ok'],
    ['a larger one', large(replicatedLimits.valueBytes + 1), 'ERR_TOO_LARGE'],
    [
      'values that are too much together',
      txn([put('a'), large(900_000) as Operation, { ...(large(200_000) as PutOperation), key: 'l' }]),
      'ERR_TOO_LARGE',
    ],
    [
      'a condition on a range',
      { kind: 'delete', range: { start: 'a' }, prev: false, ifRevision: 0 },
      'ERR_INVALID_ARGUMENT',
    ],
    ['a revision below 0', { kind: 'put', key: 'k', value, prev: false, ifRevision: -1 }, 'ERR_INVALID_ARGUMENT'],
    ['half an addition', { kind: 'add', key: 'k', delta: 0.5 }, 'ERR_INVALID_ARGUMENT'],
    ['a bound that is none', { kind: 'add', key: 'k', delta: 1, max: Infinity }, 'ERR_INVALID_ARGUMENT'],
    ['compaction to nowhere', { kind: 'compact', revision: NaN }, 'ERR_INVALID_ARGUMENT'],
    ['an unknown kind', { kind: 'nonsense' } as unknown as WriteRequest, 'ERR_INVALID_ARGUMENT'],
    ['an unknown operation', txn([{ kind: 'nonsense' } as unknown as Operation]), 'ERR_INVALID_ARGUMENT'],
  ])('%s', (_, request, expected) => {
    expect(codeOf(request)).toBe(expected);
  });

  test('limits may be lowered, never raised above what apply allows', () => {
    expect(codeOf(large(10), resolveLimits({ valueBytes: 9 }))).toBe('ERR_TOO_LARGE');
    expect(() => resolveLimits({ valueBytes: replicatedLimits.valueBytes + 1 })).toThrow(/valueBytes/);
    expect(() => resolveLimits({ watchBytes: 0 })).toThrow(/watchBytes/);
    expect(resolveLimits({ watchBytes: undefined })).toEqual(defaultLimits);
  });

  test('what passes fits its limit when it is encoded', () => {
    fc.assert(
      fc.property(aRequest, (request) => {
        fc.pre(codeOf(request) === 'ok' && request.kind !== 'compact');
        const { length } = encodeWrite(2 ** 40, 2 ** 40, 2 ** 40, request);
        // It counts at least the bytes that there will be, so one byte less than those is never enough.
        expect(codeOf(request, resolveLimits({ commandBytes: length - 1 }))).toBe('ERR_TOO_LARGE');
      }),
    );
  });
});
