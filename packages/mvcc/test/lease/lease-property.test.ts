import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeExpireLeases } from '../../src/command/encode.js';
import type { KeyRequest } from '../../src/command/operation.js';
import { NaiveModel } from '../../src/testing/naive-model.js';
import { aLeaseRequest, aRequest } from '../command/request-arbitrary.js';
import { checkRequest } from '../../src/command/check-request.js';
import { LogWriter } from '../machine/log-writer.js';
import { Replica } from '../machine/replica.js';

/** Some time passes, then these are in one entry, and then a leader looks for leases whose time is over. */
interface Step {
  readonly waitMs: number;
  readonly requests: readonly KeyRequest[];
}

const aStep: fc.Arbitrary<Step> = fc.record({
  waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
  requests: fc.array(fc.oneof({ weight: 3, arbitrary: aLeaseRequest }, { weight: 1, arbitrary: aRequest }), {
    maxLength: 4,
  }),
});

function valid(request: KeyRequest): boolean {
  try {
    checkRequest(request);
    return true;
  } catch {
    return false;
  }
}

/** Proposes ends until there are none due, as a leader does. */
function endDue(replica: Replica, writer: LogWriter): void {
  for (;;) {
    const due = replica.machine.takeDueLeases(writer.stampMs);
    if (due.length === 0) return;
    replica.apply(writer.append([encodeExpireLeases(due)]));
  }
}

test('leases, their keys and what their requests answer are those of a plain model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { maxLength: 25, size: 'max' }), async (steps) => {
      const writer = new LogWriter();
      const replica = new Replica().apply(...writer.log);
      const model = new NaiveModel();
      model.leases.nowMs = writer.stampMs;
      for (const { waitMs, requests } of steps) {
        const legal = requests.filter(valid);
        writer.stampMs += waitMs;
        model.leases.nowMs = writer.stampMs;
        replica.told.length = 0;
        replica.apply(writer.write(...legal));
        const told = replica.told.map(([, , , outcome]) => outcome);
        expect(told).toEqual(legal.map((request) => model.execute(request)));
        endDue(replica, writer);
        model.expire(writer.stampMs);
        expect(replica.machine.revision).toBe(model.revision);
        expect(await replica.entries()).toEqual(model.live);
        const leases = model.leases.all;
        expect(leases.map(({ id }) => replica.machine.lease(id)?.keys)).toEqual(
          leases.map(({ id }) => model.keysOf(id)),
        );
        expect(((await replica.machine.leases().next()) ?? []).map(({ id, generation }) => [id, generation])).toEqual(
          leases.map(({ id, generation }) => [id, generation]),
        );
      }
    }),
    { numRuns: 200 },
  );
});

test('a replica that goes on from a checkpoint has the same leases, keys and hash as one that never stopped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 2, maxLength: 20, size: 'max' }), fc.nat(), async (steps, at) => {
      const writer = new LogWriter();
      const steady = new Replica().apply(...writer.log);
      let other = new Replica().apply(...writer.log);
      for (const [position, { waitMs, requests }] of steps.entries()) {
        if (position === at % steps.length) other = new Replica(other.store.checkpoint());
        writer.stampMs += waitMs;
        const begin = writer.log.length;
        steady.apply(writer.write(...requests.filter(valid)));
        endDue(steady, writer);
        other.apply(...writer.log.slice(begin));
        expect(other.machine.stateHash()).toEqual(steady.machine.stateHash());
      }
      const leases = (await steady.machine.leases().next()) ?? [];
      for (const { id } of leases) {
        const { remainingMs: _, ...lease } = steady.machine.lease(id)!;
        expect(other.machine.lease(id)).toMatchObject(lease);
      }
      expect(((await other.machine.leases().next()) ?? []).length).toBe(leases.length);
      expect(await other.entries()).toEqual(await steady.entries());
    }),
    { numRuns: 100 },
  );
});
