import { expect, it } from 'vitest';
import { ReadGate } from '../../src/engine/read-gate.js';
import type { Replica } from '../../src/engine/replica.js';

it('shows no earlier state than this process has shown, when the state was built anew from an older one', async () => {
  const gate = new ReadGate(undefined as never, 1000, () => undefined);
  const asked: number[] = [];
  const replica = (revision: number): Replica =>
    ({
      machine: { revision, waitForRevision: (wanted: number) => Promise.resolve(void asked.push(wanted)) },
    }) as unknown as Replica;
  const local = { consistency: 'serializable' } as const;
  await gate.pass('get', replica(770), local, {});
  gate.shown(771);
  gate.shown(5);
  await gate.pass('get', replica(770), local, {});
  await gate.pass('get', replica(770), { ...local, minRevision: 900 }, {});
  await gate.pass('get', replica(771), local, {});
  expect(asked).toEqual([771, 900]);
});
