import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../../src/testing/checks/change-log.js';
import { checkFinalStates } from '../../src/testing/checks/final-checks.js';
import type { SimWorld } from '../../src/testing/sim-world.js';

const put = (key: string, revision: number) => {
  const entry = {
    key,
    value: Buffer.from('x'),
    createRevision: revision,
    modRevision: revision,
    version: 1,
    leaseId: 0n,
  };
  return { type: 'put', key, entry } as never;
};

/** One member, which holds `held` when it is asked; the change of revision 3 comes while it is. */
function worldOf(held: readonly string[]): { world: SimWorld; problems: string[] } {
  const log = new ChangeLog();
  log.add(2, [put('a', 2)]);
  const problems: string[] = [];
  const machine = { revision: 2, quotas: () => [] };
  const range = (): Promise<unknown> => {
    machine.revision = 3;
    log.add(3, [put('b', 3)]);
    const entries = held.map((key, i) => ({ key, modRevision: i + 2, value: Buffer.from('x') }));
    return Promise.resolve({ revision: 3, entries });
  };
  const world = {
    recorder: { log, shownBy: () => log.next - 1 },
    alive: [{ name: 'm', engine: { replica: { machine }, range } }],
    report: (problem: string) => problems.push(problem),
  };
  return { world: world as unknown as SimWorld, problems };
}

async function settle(_what: string, condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 10 && !condition(); i++) await Promise.resolve();
  return condition();
}

describe('the final states', () => {
  it('are held against the revision they speak of, also when a late write has come', async () => {
    const { world, problems } = worldOf(['a', 'b']);
    await checkFinalStates(world, settle);
    expect(problems).toEqual([]);
  });

  it('name a member that lacks what its revision has', async () => {
    const { world, problems } = worldOf(['a']);
    await checkFinalStates(world, settle);
    expect(problems).toEqual(['final state: m holds 1 keys, replay gives 2; first other: b@3=x']);
  });
});
