import { expect, test } from 'vitest';
import { codecTargets } from './codec-targets.js';
import { fileTargets } from './file-targets.js';
import { fuzz, hangMs } from './target.js';

/** Set by `npm run fuzz`. */
const inputs = Number(process.env['COTERIE_FUZZ_INPUTS'] ?? 40_000);
const seed = Number(process.env['COTERIE_FUZZ_SEED'] ?? Date.now() % 1_000_000_000);

const targets = [...codecTargets, ...(await fileTargets())];
const shares = targets.reduce((sum, { share }) => sum + share, 0);

test.each(targets)(
  '$name: whatever the bytes, the right answer or a refusal',
  { timeout: 3_600_000 },
  async (target) => {
    const part = Math.ceil((inputs * target.share) / shares);
    const beganMs = performance.now();
    const count = await fuzz(target, seed, part);
    const { accepted, refused, repaired, longestMs } = count;
    const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1);
    console.info(
      `${target.name}: ${part} inputs from seed ${seed} in ${seconds} s: ${refused} refused, ${accepted} taken, ` +
        `${repaired} with their checksums made right; the longest took ${longestMs.toFixed(1)} ms`,
    );
    expect(longestMs).toBeLessThan(hangMs);
    expect(refused).toBeGreaterThan(accepted / 100);
  },
);

// Whole revisions cut out of the middle of a history (423613362).
test.each([['history', 423_613_362]])('%s: seed %i, which failed once', async (name, kept) => {
  await fuzz(
    targets.find((target) => target.name === name)!,
    kept,
    1,
  );
});
