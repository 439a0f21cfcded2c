import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { applyChange } from '../mutation/apply-change.mjs';
import { mutants } from '../mutation/simulator-mutants.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the mutants of the simulator', () => {
  it('have names of their own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(25);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants)('$name still finds the place that it changes', (mutant) => {
    const text = readFileSync(`${root}${mutant.file}`, 'utf8');
    expect(applyChange(text, mutant, mutant.file)).not.toBe(text);
  });
});
