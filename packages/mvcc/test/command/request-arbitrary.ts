import fc from 'fast-check';
import { keyAlone, prefixRange } from '../../src/command/key-range.js';
import type {
  AddOperation,
  CompareSign,
  Comparison,
  KeyRequest,
  Operation,
  SettingRequest,
  TxnOperation,
} from '../../src/command/operation.js';
import type { KeyRange } from '../../src/store/types.js';

/** Few keys, so that operations meet one another. */
export const aKey = fc.constantFrom('a', 'a/1', 'a/2', 'a/2/x', 'b', 'b\0', 'c', 'n', 'm', '\xff');

const aBound = fc.oneof(aKey, fc.constantFrom('', 'a/', 'a0', 'b0', '\xff\xff'));

export const aRange: fc.Arbitrary<KeyRange> = fc.oneof(
  aKey.map(keyAlone),
  fc.record({ start: aBound, end: aBound }),
  fc.record({ start: aBound }),
);

export const aValue = fc.oneof(
  fc.uint8Array({ maxLength: 6 }),
  fc
    .constantFrom('0', '7', '-3', '9007199254740991', '007', '-0', '1x', '')
    .map((text) => new TextEncoder().encode(text)),
);

const aSign = fc.constantFrom<CompareSign>('==', '!=', '<', '<=', '>', '>=');
const aRevision = fc.integer({ min: 0, max: 30 });

const aNumberTarget = fc.constantFrom<'version' | 'modRevision' | 'createRevision' | 'lease'>(
  'version',
  'modRevision',
  'createRevision',
  'lease',
);

export const aComparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.record({ target: fc.constant('value' as const), range: aRange, sign: aSign, operand: aValue }),
  fc.record({ target: aNumberTarget, range: aRange, sign: aSign, operand: fc.integer({ min: 0, max: 9 }) }),
);

const anInteger = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.maxSafeInteger());

const anAddition: fc.Arbitrary<AddOperation> = fc
  .record({ key: aKey, delta: anInteger, min: fc.option(anInteger), max: fc.option(anInteger) })
  .map(({ key, delta, min, max }) => ({
    kind: 'add',
    key,
    delta,
    ...(min === null ? undefined : { min }),
    ...(max === null ? undefined : { max }),
  }));

const { txn, operation } = fc.letrec<{ txn: TxnOperation; operation: Operation }>((tie) => ({
  operation: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'txn' },
    fc.record({ kind: fc.constant('put' as const), key: aKey, value: aValue, prev: fc.boolean() }),
    fc.record({ kind: fc.constant('delete' as const), range: aRange, prev: fc.boolean() }),
    fc.record({ kind: fc.constant('get' as const), key: aKey }),
    fc.record({
      kind: fc.constant('range' as const),
      range: aRange,
      limit: fc.integer({ min: 0, max: 4 }),
      reverse: fc.boolean(),
      keysOnly: fc.boolean(),
      countOnly: fc.boolean(),
    }),
    anAddition,
    tie('txn'),
  ),
  txn: fc.record({
    kind: fc.constant('txn' as const),
    compare: fc.array(aComparison, { maxLength: 2 }),
    success: fc.array(tie('operation'), { maxLength: 3, depthIdentifier: 'txn' }),
    failure: fc.array(tie('operation'), { maxLength: 2, depthIdentifier: 'txn' }),
  }),
}));

export const anOperation = operation;
export const aTxn = txn;

/** Requests of all kinds; not all of them pass `checkRequest`. */
export const aRequest: fc.Arbitrary<KeyRequest> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('put' as const), key: aKey, value: aValue, prev: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key: aKey,
      value: aValue,
      prev: fc.boolean(),
      ifRevision: aRevision,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), range: aRange, prev: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      range: aKey.map(keyAlone),
      prev: fc.boolean(),
      ifRevision: aRevision,
    }),
  },
  { weight: 1, arbitrary: anAddition },
  { weight: 4, arbitrary: aTxn },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), revision: aRevision }) },
);

const anId = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2 ** 32 + 1, max: 2 ** 32 + 8 }));
const aTtl = fc.integer({ min: 100, max: 400 });
const ofLease = fc.oneof(
  fc.record({ lease: fc.oneof(anId, fc.constant('keep' as const)) }),
  fc.record({ ttlMs: aTtl }),
);
const aLeasedPut = fc
  .tuple(fc.record({ kind: fc.constant('put' as const), key: aKey, value: aValue, prev: fc.boolean() }), ofLease)
  .map(([put, lease]) => ({ ...put, ...lease }));

/** Requests on leases, and puts that are tied to some. */
export const aLeaseRequest: fc.Arbitrary<KeyRequest> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('grantLease' as const), id: fc.integer({ min: 0, max: 4 }), ttlMs: aTtl }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('revokeLease' as const),
      id: anId,
      generation: fc.oneof(fc.constant(0), fc.integer({ min: 2 ** 32 + 1, max: 2 ** 32 + 8 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('renewLeases' as const),
      leases: fc.array(fc.record({ id: anId, generation: fc.integer({ min: 2 ** 32 + 1, max: 2 ** 32 + 8 }) }), {
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('attachLease' as const), id: anId, renew: fc.boolean() }),
  },
  { weight: 6, arbitrary: aLeasedPut },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('txn' as const),
      compare: fc.constant([]),
      success: fc.uniqueArray(aLeasedPut, { maxLength: 3, selector: ({ key }) => key }),
      failure: fc.constant([]),
    }),
  },
);

const aPrefix = fc.constantFrom('', 'a', 'a/', 'b', '\xff');

/** Settings of the cluster, some of which mean nothing. */
export const aSetting: fc.Arbitrary<SettingRequest> = fc.oneof(
  fc
    .tuple(aPrefix, fc.integer({ min: 0, max: 2_000 }))
    .map(([prefix, bytes]) => ({ kind: 'setQuota' as const, prefix, bytes, range: prefixRange(prefix) })),
  aPrefix.map((prefix) => ({ kind: 'removeQuota' as const, prefix })),
  fc
    .tuple(aPrefix, aKey)
    .map(([prefix, start]) => ({ kind: 'countQuota' as const, prefix, range: { ...prefixRange(prefix), start } })),
  fc.record({
    kind: fc.constant('raiseLevel' as const),
    level: fc.integer({ min: 0, max: 2 }),
    members: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }),
  }),
);
