import { describe, expect, it } from 'vitest';
import { parseGoReport } from '../src/systems/etcd-go.js';

const asked = { clients: 64, keys: 1000, valueBytes: 256, puts: 100 };
const report = [
  '',
  'Summary:',
  '  Total:\t2.5 secs.',
  '  Slowest:\t0.25 secs.',
  '  Requests/sec:\t40.5',
  '',
  'Latency distribution:',
  '  50% in 5e-05 secs.',
  '  99% in 0.02 secs.',
  '  99.9% in 0.2 secs.',
  '',
].join('\n');

describe("the report of etcd's benchmark", () => {
  it('is read', () => {
    const row = parseGoReport(report, asked);
    expect(row).toMatchObject({ seconds: 2.5, opsPerSec: 40.5, maxUs: 250_000, errors: 0 });
    expect(row.p50Us).toBeCloseTo(50);
    expect(row).not.toHaveProperty('errorCodes');
  });

  it('has the errors of its distribution', () => {
    const errors = '\nError distribution:\n  [12]\tetcdserver: too many requests\n  [3]\tcontext deadline exceeded\n';
    expect(parseGoReport(report + errors, asked)).toMatchObject({
      errors: 15,
      errorCodes: { 'etcdserver: too many requests': 12, 'context deadline exceeded': 3 },
    });
  });

  it('is refused when no put succeeded', () => {
    expect(() => parseGoReport('\nError distribution:\n  [100]\tetcdserver: no leader\n', asked)).toThrow(/no total/);
  });
});
