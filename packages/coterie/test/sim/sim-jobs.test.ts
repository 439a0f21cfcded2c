import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTasks, type SimOutcome } from '../../src/testing/sim-jobs.js';
import type { SimReport } from '../../src/testing/sim-run.js';
import { SimSummary } from '../../src/testing/sim-summary.js';
import { drawParameters } from '../../src/testing/sim-swarm.js';

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-sim-jobs-'));
});
afterAll(() => fs.rmSync(dir, { recursive: true }));

/** A worker that answers, except for seed 2, which ends its process, and seed 3, which never comes back. */
function worker(): URL {
  const file = path.join(dir, 'worker.mjs');
  fs.writeFileSync(
    file,
    `process.on('message', ({ seed }) => {
      if (seed === 2) process.exit(7);
      if (seed === 3) for (;;);
      process.send({ report: { seed }, cpuMs: 1 });
    });`,
  );
  return pathToFileURL(file);
}

function report(seed: number, counts: Record<string, number>): SimReport {
  const parameters = drawParameters(seed);
  const zero = { operations: 1, acked: 1, unknown: 1, reads: 1, leaderChanges: 1, entries: 1 };
  return { seed, parameters, problems: [], eventHash: 'h', simulatedMs: 1000, ...zero, counts };
}

describe('seeds on several processes', () => {
  it('a seed whose process ends or hangs has failed, and the others go on', async () => {
    const outcomes = new Map<number, SimOutcome>();
    const tasks = [1, 2, 3, 4, 5].map((seed) => ({ seed, options: {}, twice: false }));
    const told = (outcome: SimOutcome): void => void outcomes.set(outcome.task.seed, outcome);
    await runTasks(tasks, 2, told, { worker: worker(), seedWallMs: 3000 });
    expect(outcomes.size).toBe(5);
    expect(outcomes.get(2)).toMatchObject({ broke: 'its process ended (exit code 7)' });
    expect(outcomes.get(3)).toMatchObject({ broke: 'it hung for 3 s' });
    for (const seed of [1, 4, 5]) expect(outcomes.get(seed)).toMatchObject({ answer: { report: { seed } } });
  });

  it('a long batch that never saw something is vacuous, a short one is not', () => {
    const summary = new SimSummary();
    for (let seed = 1; seed < 200; seed++) summary.add({ report: report(seed, { seen: 1, never: 0 }), cpuMs: 1 }, true);
    expect(summary.vacuous).toEqual([]);
    summary.add({ report: report(200, { seen: 0, never: 0 }), cpuMs: 1 }, true);
    expect(summary.vacuous).toEqual(['never']);
    expect(summary.failed).toEqual([]);
  });

  it('draws the same world from a seed, and what a caller sets stays', () => {
    expect(drawParameters(5)).toEqual(drawParameters(5));
    const drawn = Array.from({ length: 300 }, (_, seed) => drawParameters(seed, { meanMs: 240_000 }));
    expect([...new Set(drawn.map((d) => d.members))].sort()).toEqual([1, 2, 3, 5, 7]);
    expect(drawParameters(5, { members: 3, simulatedMs: 1234, clients: 1 })).toMatchObject({
      members: 3,
      simulatedMs: 1234,
      clients: 1,
    });
    const meanMs = drawn.reduce((sum, d) => sum + d.simulatedMs, 0) / drawn.length;
    expect(meanMs / 240_000).toBeGreaterThan(0.8);
    expect(meanMs / 240_000).toBeLessThan(1.3);
  });
});
