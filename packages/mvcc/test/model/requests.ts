import fc from 'fast-check';
import type {
  Comparison,
  CompareSign,
  Operation,
  LeaseRequest,
  SettingRequest,
  TxnOperation,
  WriteRequest,
} from '../../src/command/operation.js';
import type { KeyRange } from '../../src/store/types.js';

/** What a caller writes for a key or a range; keys as one character a byte. */
export type Asked =
  | string
  | {
      readonly all?: true;
      readonly prefix?: string;
      readonly gte?: string;
      readonly gt?: string;
      readonly lt?: string;
      readonly lte?: string;
    };
/** A range in the model's terms, and how a caller asks for it. */
export interface Span extends KeyRange {
  readonly asked: Asked;
}

/** Few keys that meet: prefixes of one another, bytes that are no text, neighbours at both ends. */
const keys = ['a', 'a\0', 'a/1', 'a/2', 'a\xff', 'b', 'n', 'm', '\x80', '\xff', '\xff\xff'];
const aKey = fc.constantFrom(...keys);
const aBound = fc.constantFrom(...keys, 'a/', 'a0', 'zz');

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (each) => each.charCodeAt(0));
/** Numbers, what only looks like one, and sizes that fill a checkpoint or the bytes of a watch. */
const values = ['', '0', '7', '-3', '9007199254740991', '007', 'x', 'y', '\0\xff', 'long'.repeat(40)].map(bytes);
const aValue = fc.constantFrom(...values);

/** The first key behind all that begin like this: the last byte that is not 0xff, one higher. */
function behind(prefix: string): { end?: string } {
  const kept = /^[^]*[^\xff]/.exec(prefix)?.[0];
  if (kept === undefined) return {};
  return { end: kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1) };
}

const alone = (key: string): Span => ({ start: key, end: `${key}\0`, asked: key });

export const aSpan: fc.Arbitrary<Span> = fc.oneof(
  { weight: 4, arbitrary: aKey.map(alone) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('a', 'a/', 'a\xff', '\xff', 'n')
      .map((prefix) => ({ start: prefix, ...behind(prefix), asked: { prefix } })),
  },
  {
    weight: 1,
    arbitrary: aKey.map((gt) => {
      const start = gt < 'a' ? 'a' : `${gt}\0`;
      return { start, ...behind('a'), asked: { prefix: 'a', gt } };
    }),
  },
  { weight: 1, arbitrary: fc.tuple(aBound, aBound).map(([gte, lt]) => ({ start: gte, end: lt, asked: { gte, lt } })) },
  {
    weight: 1,
    arbitrary: fc.tuple(aBound, aBound).map(([gt, lte]) => ({
      start: `${gt}\0`,
      end: `${lte}\0`,
      asked: { gt, lte },
    })),
  },
  { weight: 3, arbitrary: fc.constant({ start: '', asked: { all: true } as const }) },
);

const aSign = fc.constantFrom<CompareSign>('==', '!=', '<', '<=', '>', '>=');
const aNumber = fc.constantFrom(
  'version' as const,
  'modRevision' as const,
  'createRevision' as const,
  'lease' as const,
);
const aComparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.record({ target: fc.constant('value' as const), range: aSpan, sign: aSign, operand: aValue }),
  fc.record({ target: aNumber, range: aSpan, sign: aSign, operand: fc.integer({ min: 0, max: 6 }) }),
);

const smallInteger = fc.integer({ min: -4, max: 8 });
const aPut = fc.record({ kind: fc.constant('put' as const), key: aKey, value: aValue, prev: fc.boolean() });
/** Of single keys mostly: a store that is emptied all the time shows little. */
const aDelete = fc.record({
  kind: fc.constant('delete' as const),
  range: fc.oneof({ weight: 2, arbitrary: aKey.map(alone) }, { weight: 1, arbitrary: aSpan }),
  prev: fc.boolean(),
});
const anAddition = fc
  .record({ key: aKey, delta: smallInteger, bounds: fc.constantFrom('none', 'min', 'max', 'both'), at: smallInteger })
  .map(({ key, delta, bounds, at }) => ({
    kind: 'add' as const,
    key,
    delta,
    ...(bounds === 'min' || bounds === 'both' ? { min: at } : {}),
    ...(bounds === 'max' || bounds === 'both' ? { max: at + 5 } : {}),
  }));
/** How a range is read, in a txn or without one. `limit` 0: none. */
export const aRangeRead = fc.record({
  range: aSpan,
  limit: fc.constantFrom(0, 0, 1, 1, 2, 4),
  reverse: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.constantFrom(false, false, false, false, true),
});

const { txn } = fc.letrec<{ txn: TxnOperation; operation: Operation }>((tie) => ({
  operation: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'txn' },
    { weight: 4, arbitrary: aPut },
    { weight: 2, arbitrary: aDelete },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), key: aKey }) },
    { weight: 2, arbitrary: aRangeRead.map((read) => ({ kind: 'range' as const, ...read })) },
    { weight: 2, arbitrary: anAddition },
    { weight: 3, arbitrary: tie('txn') },
  ),
  txn: fc.record({
    kind: fc.constant('txn' as const),
    compare: fc.array(aComparison, { maxLength: 2 }),
    success: fc.array(tie('operation'), { maxLength: 3, depthIdentifier: 'txn' }),
    failure: fc.array(tie('operation'), { maxLength: 3, depthIdentifier: 'txn' }),
  }),
}));

/** A page behind what the same txn has deleted: two shapes that meet too seldom by themselves. */
const aPageBehindDelete: fc.Arbitrary<TxnOperation> = fc
  .record({ key: aKey, limit: fc.integer({ min: 1, max: 3 }), range: aSpan })
  .map(({ key, limit, range }) => ({
    kind: 'txn',
    compare: [],
    success: [
      { kind: 'delete', range: alone(key), prev: false },
      { kind: 'range', range, limit, reverse: false, keysOnly: false, countOnly: false },
    ],
    failure: [],
  }));

/** A write of keys: leases have tests of their own. */
export type KeyRequest = Exclude<WriteRequest, LeaseRequest | SettingRequest>;

/** A write as a caller may ask for it. `compact` and `ifRevision` count back from the revision of the moment. */
export type Wanted = Exclude<KeyRequest, { kind: 'compact' }> | { readonly kind: 'compact'; readonly back: number };

const aCondition = fc.oneof(
  { weight: 7, arbitrary: fc.constant('none' as const) },
  { weight: 3, arbitrary: fc.constantFrom('absent' as const, 'current' as const, 'stale' as const) },
);
/** `condition`: what `ifRevision` is to be. */
export interface Conditional {
  readonly wanted: Wanted;
  readonly condition: 'none' | 'absent' | 'current' | 'stale';
}

/** What a life begins with, so that ranges have keys in them from the start. */
export const aFilling: fc.Arbitrary<readonly Conditional[]> = fc
  .array(aPut, { minLength: 3, maxLength: 7 })
  .map((puts) => puts.map((wanted) => ({ wanted, condition: 'none' as const })));

export const aWrite: fc.Arbitrary<Conditional> = fc.record({
  wanted: fc.oneof(
    { weight: 6, arbitrary: aPut },
    { weight: 3, arbitrary: aDelete },
    { weight: 2, arbitrary: anAddition },
    { weight: 6, arbitrary: txn },
    { weight: 1, arbitrary: aPageBehindDelete },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('compact' as const), back: fc.integer({ min: -1, max: 5 }) }),
    },
  ),
  condition: aCondition,
});
