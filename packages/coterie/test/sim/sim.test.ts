import { describe, expect, it } from 'vitest';
import { runSeed } from '../../src/testing/index.js';

describe('the whole stack in virtual time', () => {
  it('survives faults and converges', async () => {
    const seed = Number(process.env['SIM_SEED'] ?? 1);
    const report = await runSeed(seed, { simulatedMs: 20_000 });
    expect(report.problems).toEqual([]);
    expect(report.acked).toBeGreaterThan(0);
  });

  it('repeats a seed event for event', async () => {
    const once = await runSeed(7, { simulatedMs: 10_000 });
    const twice = await runSeed(7, { simulatedMs: 10_000 });
    expect(twice).toEqual(once);
  });
});
