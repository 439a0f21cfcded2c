import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { firstFeatureLevel, newestFeatureLevel } from '../../src/features.js';
import { drawGoldenLog, replay, type GoldenLog } from './golden-log.js';

const levels = Array.from({ length: newestFeatureLevel - firstFeatureLevel + 1 }, (_, at) => firstFeatureLevel + at);
const pathOf = (level: number): string => fileURLToPath(new URL(`level-${level}.golden.json`, import.meta.url));

// COTERIE_GOLDEN=new writes the log of a level that has none yet. One that is there is never written again: what a log
// says at a level it says for ever, or members of two builds go apart.
if (process.env['COTERIE_GOLDEN'] === 'new') {
  for (const level of levels) {
    if (existsSync(pathOf(level))) continue;
    const { entries, ...rest } = drawGoldenLog(level);
    const lines = entries.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n');
    const head = JSON.stringify(rest, undefined, 2).slice(0, -2);
    writeFileSync(pathOf(level), `${head},\n  "entries": [\n${lines}\n  ]\n}\n`);
  }
}

describe.each(levels)('level %i', (level) => {
  const golden = JSON.parse(readFileSync(pathOf(level), 'utf8')) as GoldenLog;

  test('the golden log does what it always did, entry by entry', () => {
    const { chains, end } = replay(golden);
    const first = chains.findIndex((chain, at) => chain !== golden.entries[at]?.chain);
    expect({ differsFirstAt: first, end }).toEqual({ differsFirstAt: -1, end: golden.end });
    expect(end.featureLevel).toBe(level);
  });

  test('a build that did one thing otherwise would be seen', () => {
    const [entry, ...rest] = golden.entries.slice(5);
    const entries = [...golden.entries.slice(0, 5), { ...entry!, commands: [] }, ...rest];
    expect(replay({ entries }).chains.at(-1)).not.toBe(golden.entries.at(-1)?.chain);
  });

  test('it has work for apply', () => {
    expect(golden.end.revision).toBeGreaterThan(100);
    expect(golden.end.compactRevision).toBeGreaterThan(0);
    expect(golden.end.liveBytes).toBeGreaterThan(0);
  });
});
