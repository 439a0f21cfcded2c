import { expect, test } from 'vitest';
import { HistoryKeeper } from '../../src/upkeep/history-keeper.js';

/** Ten revisions a second, looked at once a second. @returns the compactions: at which second, to which revision */
function live(seconds: number, limits: { readonly revisions: number; readonly ms: number }): [number, number][] {
  const keeper = new HistoryKeeper({ ...limits, bytes: 1 << 30 });
  const compactions: [number, number][] = [];
  let compactRevision = 0;
  for (let second = 1; second <= seconds; second++) {
    const target = keeper.sample(1_000 * second, 10 * second, compactRevision, 0);
    if (target === undefined) continue;
    expect(target).toBeGreaterThan(compactRevision);
    compactions.push([second, (compactRevision = target)]);
  }
  return compactions;
}

test.each([2_000, 60_000, 599_000, 601_000, 3_600_000, 86_400_000])(
  'what is older than %d ms goes, and nothing younger',
  (ms) => {
    const kept = ms / 1_000;
    const seconds = 2 * kept + 100;
    const compactions = live(seconds, { revisions: 10, ms });
    for (const [second, revision] of compactions) expect(revision).toBeLessThanOrEqual(10 * (second - kept));
    // Not at once: samples and compactions have their distances.
    const last = compactions.at(-1)?.[1] ?? 0;
    expect(10 * (seconds - kept) - last).toBeLessThanOrEqual(20 + kept / 5);
  },
);

test('revisions that are to be kept are, however old they are', () => {
  const compactions = live(1_000, { revisions: 2_000, ms: 1_000 });
  expect(compactions.length).toBeGreaterThan(10);
  for (const [second, revision] of compactions) expect(revision).toBeLessThanOrEqual(10 * second - 2_000);
});
