import { CoterieError } from '@coterie/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCommand } from '../../src/command/decode.js';
import { keptForm } from '../../src/command/kept-form.js';
import type { WriteRequest, WriteResult } from '../../src/command/operation.js';
import { MvccStateMachine } from '../../src/machine.js';
import { aRequest } from '../command/request-arbitrary.js';
import { NaiveModel } from '../../src/testing/naive-model.js';
import { LogWriter } from './log-writer.js';
import { MemoryStore } from './memory-store.js';
import { ManualScheduler, VirtualClock } from './virtual-clock.js';

test('what a session does not keep of a result is put back from history, or said to be gone', async () => {
  let recalled = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(aRequest, { minLength: 1, maxLength: 30, size: 'max' }), async (requests) => {
      const writer = new LogWriter();
      const store = new MemoryStore();
      const machine = new MvccStateMachine({ store, clock: new VirtualClock(), scheduler: new ManualScheduler() });
      const model = new NaiveModel();
      const done: { request: WriteRequest; result: WriteResult }[] = [];
      for (const request of requests) {
        const outcome = model.execute(request);
        const command = decodeCommand(writer.write(request).commands[0]!);
        if (outcome.kind === 'refused' || command.kind !== 'write') continue;
        // As a proposer has it: decoded from the bytes that it sent.
        done.push({ request: command.request, result: outcome });
      }
      for (const entry of writer.log) {
        machine.prepare(entry, () => undefined);
        machine.apply(entry);
      }
      for (const { request, result } of done) {
        if (request.kind === 'compact') continue;
        try {
          expect(await machine.recall(request, keptForm(result) as WriteResult)).toEqual(result);
          recalled++;
        } catch (error) {
          if (!(error instanceof CoterieError)) throw error;
          expect(error).toMatchObject({ code: 'ERR_RESULT_GONE', outcome: 'applied' });
          expect(result.revision - 1).toBeLessThan(machine.compactRevision);
        }
      }
      expect(store.views).toBe(0);
    }),
    { numRuns: 150 },
  );
  expect(recalled).toBeGreaterThan(200);
});
