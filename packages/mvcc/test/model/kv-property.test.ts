import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counts } from './counts.js';
import { Life, type Step, type When } from './life.js';
import { aFilling, aRangeRead, aSpan, aWrite } from './requests.js';

const runs = 10_000;

const aWhen: fc.Arbitrary<When> = fc.oneof(
  { weight: 3, arbitrary: fc.constant('now' as const) },
  { weight: 4, arbitrary: fc.record({ back: fc.integer({ min: -1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ compacted: fc.integer({ min: -1, max: 1 }) }) },
);

const aWatch = fc.record({
  spans: fc.array(aSpan, { minLength: 1, maxLength: 2 }),
  prev: fc.boolean(),
  only: fc.constantFrom<'put' | 'delete' | undefined>('put', 'delete', undefined, undefined),
  from: fc.oneof(
    fc.constantFrom('now' as const, 'initial' as const, 'compacted' as const),
    fc.integer({ min: -2, max: 8 }),
  ),
});

const someWrites = (maxLength: number) => fc.array(aWrite, { minLength: 1, maxLength });

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: fc.record({ do: fc.constant('write' as const), writes: someWrites(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('get' as const),
      key: fc.constantFrom('a', 'a/1', 'b', 'n', '\xff'),
      when: aWhen,
      late: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('range' as const), read: aRangeRead, when: aWhen, late: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('iterate' as const),
      span: aSpan,
      reverse: fc.boolean(),
      when: aWhen,
      late: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('watch' as const), watch: aWatch }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      which: fc.nat({ max: 5 }),
      batches: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('let run' as const), steps: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), killed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('install' as const), writes: someWrites(2) }) },
);

test('whatever is written, read, watched, compacted, crashed, reopened and installed, a Kv is its naive model', async () => {
  const counts = new Counts();
  await fc.assert(
    fc.asyncProperty(
      aFilling,
      fc.array(aStep, { minLength: 3, maxLength: 9, size: 'max' }),
      fc.nat(),
      (writes, steps, seed) => new Life(seed, counts).run([{ do: 'write', writes }, ...steps]),
    ),
    { numRuns: Number(process.env['MODEL_RUNS'] ?? runs), endOnFailure: process.env['MODEL_SHRINK'] === '0' },
  );
  if (process.env['MODEL_COUNTS'] === '1') console.log(counts.toString());
  expect(counts.rarer(1)).toEqual([]);
}, 600_000);
