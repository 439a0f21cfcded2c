import { describe, expect, it } from 'vitest';
import { medianRow, type Row } from '../src/row.js';

const run = (figures: Partial<Row>): Row => ({
  case: 'put',
  system: 'coterie',
  clients: 64,
  members: 3,
  valueBytes: 256,
  keys: 1000,
  seconds: 20,
  opsPerSec: 100,
  p50Us: 10,
  p99Us: 20,
  p999Us: 30,
  maxUs: 40,
  errors: 0,
  ...figures,
});

describe('medianRow', () => {
  it('is the median of figures, with how far apart the rates are', () => {
    const row = medianRow([run({ opsPerSec: 90 }), run({ opsPerSec: 130, p50Us: 30 }), run({ opsPerSec: 100 })]);
    expect(row).toMatchObject({ opsPerSec: 100, p50Us: 10, runs: 3, spread: 0.4 });
    expect(row).not.toHaveProperty('note');
    expect(row).not.toHaveProperty('errorCodes');
  });

  it('keeps the longest times', () => {
    const row = medianRow([run({ maxUs: 5, loopStallMs: 1 }), run({ maxUs: 900, loopStallMs: 7 }), run({ maxUs: 6 })]);
    expect(row).toMatchObject({ maxUs: 900, loopStallMs: 7 });
  });

  it('adds up errors, and their codes of all runs', () => {
    const row = medianRow([
      run({}),
      run({ errors: 3, errorCodes: { ERR_A: 2, ERR_B: 1 } }),
      run({ errors: 4, errorCodes: { ERR_B: 4 } }),
    ]);
    expect(row).toMatchObject({ errors: 7, errorCodes: { ERR_A: 2, ERR_B: 5 } });
  });

  it('says once what was said of any run', () => {
    const row = medianRow([run({}), run({ note: 'one' }), run({ note: 'two' }), run({ note: 'one' })]);
    expect(row.note).toBe('one; two');
  });
});
