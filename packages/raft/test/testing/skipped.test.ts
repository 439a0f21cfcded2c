import { expect, it } from 'vitest';
import { MemoryLogStorage } from '../../src/index.js';
import { logStorageSuite, snapshotStoreSuite, stateMachineSuite } from '../../src/testing/index.js';
import { registerMachines } from '../memory/register-machine.js';

const withoutCrash = {
  ...registerMachines,
  async place() {
    const { crash: _, ...rest } = await registerMachines.place();
    return rest;
  },
};

it('what a place does not offer is told of, and nothing else is', async () => {
  const logs = logStorageSuite(async () => {
    const log = new MemoryLogStorage({ defer: setImmediate });
    return { open: () => log };
  });
  const machines = stateMachineSuite(withoutCrash);
  const stores = snapshotStoreSuite(withoutCrash);
  for (const suite of [logs, machines, stores]) {
    const needy = suite.tests.filter(({ name }) => /\ba crash\b|after an error/.test(name));
    expect(needy.length).toBeGreaterThan(1);
    for (const test of [...needy, suite.tests[0]!]) await test.run();
    expect(suite.skipped.map(({ name }) => name)).toEqual(needy.map(({ name }) => name));
    expect(suite.skipped.every(({ reason }) => /^the place offers no (crash|breakDisk)$/.test(reason))).toBe(true);
  }
});

it('the context of a runner is asked to skip', async () => {
  const { tests } = stateMachineSuite(withoutCrash);
  const run = tests.find(({ name }) => name.startsWith('after a crash'))!.run as (context: object) => Promise<void>;
  const told: string[] = [];
  await run({ skip: (reason: string) => void told.push(reason) });
  expect(told).toEqual(['the place offers no crash']);
  // Some runners take a function with a parameter for one that wants a callback.
  expect(run).toHaveLength(0);
});
