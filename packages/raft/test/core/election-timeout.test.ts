import { describe, expect, test } from 'vitest';
import { RaftCore } from '../../src/core/core.js';
import { confOf, initOf, testConfig } from './scripted-cluster.js';
import { SeededRandom } from './seeded-random.js';

const config = { ...testConfig, preVote: false };
const allTimeouts = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
const ids = [1, 2, 3, 4, 5];

/** Ticks until this core campaigns. */
function ticksToCampaign(core: RaftCore): number {
  const before = core.term;
  let ticks = 0;
  for (; core.term === before && ticks < 100; ticks++) core.tick();
  return ticks;
}

function five(random: SeededRandom): RaftCore[] {
  return ids.map((id) => new RaftCore(initOf(id, confOf(ids), { config, random })));
}

/** Of `rounds`, those in which more than one of `cores()` campaigns at the first tick at which one does. */
function collisions(rounds: number, cores: () => readonly RaftCore[]): number {
  let together = 0;
  for (let round = 0; round < rounds; round++) {
    const ticks = cores().map(ticksToCampaign);
    const first = Math.min(...ticks);
    if (ticks.filter((each) => each === first).length > 1) together++;
  }
  return together;
}

describe('the election timeout (Raft §9.3)', () => {
  test('of a follower is anything from T to 2T, drawn anew in every term', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2]), { config, random: new SeededRandom(1) }));
    const seen = new Set<number>();
    for (let round = 0; round < 300; round++) {
      core.step({ type: 'heartbeat', group: 0, from: 2, to: 1, term: core.term + 1, commit: 0, context: 0 });
      seen.add(ticksToCampaign(core));
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(allTimeouts);
  });

  test('of a candidate is so too', () => {
    const core = new RaftCore(initOf(1, confOf([1, 2]), { config, random: new SeededRandom(2) }));
    core.campaign();
    const seen = new Set<number>();
    for (let round = 0; round < 300; round++) seen.add(ticksToCampaign(core));
    expect([...seen].sort((a, b) => a - b)).toEqual(allTimeouts);
    expect(core.role).toBe('candidate');
  });

  // The earliest of five draws from ten is no one else's in 77 of 100 cases.
  test('seldom makes several of five followers the first to campaign', () => {
    const random = new SeededRandom(3);
    expect(collisions(1000, () => five(random))).toBeLessThan(300);
  });

  test('seldom makes several of five candidates campaign again together', () => {
    const cores = five(new SeededRandom(4));
    const again = () => {
      for (const core of cores) core.campaign();
      return cores;
    };
    expect(collisions(1000, again)).toBeLessThan(300);
  });
});
