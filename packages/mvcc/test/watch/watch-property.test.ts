import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WatchRequest } from '../../src/engine/engine.js';
import type { RevisionEvents } from '../../src/store/types.js';
import { inRange } from '../../src/command/key-range.js';
import { passes, watchEvent } from '../../src/watch/watch-events.js';
import { aRange, aRequest } from '../command/request-arbitrary.js';
import { seededRandom, settle } from '../machine/virtual-clock.js';
import { type Consumer, LateAnswers, WatchWorld } from './watch-world.js';

const aWatch = fc.record({
  ranges: fc.array(aRange, { minLength: 1, maxLength: 2 }),
  prev: fc.boolean(),
  only: fc.constantFrom<'put' | 'delete' | 'both'>('put', 'delete', 'both', 'both'),
  from: fc.integer({ min: -5, max: 5 }),
  initial: fc.boolean(),
});

const aStep = fc.oneof(
  { weight: 10, arbitrary: fc.record({ write: aRequest }) },
  { weight: 3, arbitrary: fc.constant('publish' as const) },
  { weight: 1, arbitrary: fc.constant('install' as const) },
  { weight: 3, arbitrary: fc.record({ watch: aWatch }) },
  { weight: 6, arbitrary: fc.record({ pull: fc.nat() }) },
  { weight: 4, arbitrary: fc.constant('answer' as const) },
);

interface Watched {
  readonly request: WatchRequest;
  /** The revision before the first that it must see. */
  readonly base: number;
  readonly consumer: Consumer;
}

function open(
  world: WatchWorld,
  { only, from, initial, ...rest }: typeof aWatch extends fc.Arbitrary<infer T> ? T : never,
): Watched {
  const { revision } = world;
  const start = Math.max(1, revision + from);
  const request: WatchRequest = {
    ...rest,
    ...(only === 'both' ? {} : { only }),
    ...(initial || from === 0 ? {} : { fromRevision: start }),
    initial,
    progress: false,
    overflow: 'resume',
  };
  const base = request.fromRevision === undefined ? revision : request.fromRevision - 1;
  return { request, base, consumer: world.watch(request) };
}

/** What a watch must have been told of a history. */
function expected(history: readonly RevisionEvents[], { request, base }: Watched) {
  return history
    .filter(({ revision }) => revision > base)
    .map(({ revision, events }) => ({
      kind: 'change',
      revision,
      events: events
        .filter((event) => passes(event, request.only) && request.ranges.some((range) => inRange(event.key, range)))
        .map((event) => watchEvent(event, revision, request.prev)),
    }))
    .filter(({ events }) => events.length > 0);
}

/** The keys of a watch as they stood at its base revision. */
function stateAt(history: readonly RevisionEvents[], { request, base }: Watched): string[] {
  const live = new Map<string, number>();
  for (const change of history) {
    if (change.revision > base) break;
    for (const { key, after } of change.events) {
      if (after === undefined) live.delete(key);
      else live.set(key, after.modRevision);
    }
  }
  const watched = [...live].filter(([key]) =>
    request.ranges.some(({ start, end }) => key >= start && (end === undefined || key < end)),
  );
  return request.only === 'delete' ? [] : watched.map(([key, revision]) => `${key}@${revision}`).sort();
}

describe('under random writes, slow consumers, late disks and snapshots', () => {
  test('every watch is told everything: ordered, unique, whole, nothing left out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 80, size: 'max' }), fc.nat(), async (steps, seed) => {
        const world = new WatchWorld({ watchBytes: 600 });
        const answers = new LateAnswers(world.store, seededRandom(seed));
        const watched: Watched[] = [];
        for (const step of steps) {
          if (step === 'publish') world.publish();
          else if (step === 'answer') answers.answerOne();
          else if (step === 'install') {
            answers.forget();
            world.install();
          } else if ('write' in step) {
            if (step.write.kind !== 'compact') world.write(step.write);
          } else if ('watch' in step) {
            world.publish();
            watched.push(open(world, step.watch));
          } else {
            watched[step.pull % Math.max(watched.length, 1)]?.consumer.pull();
          }
          world.scheduler.run();
          await settle();
        }
        world.publish();
        for (let round = 0; round < 3; round++) {
          answers.answerAll();
          for (const { consumer } of watched) {
            for (let pulls = 0; pulls < 40; pulls++) {
              consumer.pull();
              await Promise.resolve();
              answers.answerAll();
              world.scheduler.run();
              await settle();
            }
          }
        }
        for (const each of watched) {
          const { batches, changes, error } = each.consumer;
          expect(error).toBeUndefined();
          expect(batches[0]).toEqual({ kind: 'opened', revision: each.base, events: [] });
          expect(changes).toEqual(expected(world.history, each));
          if (!each.request.initial) continue;
          const initial = batches.filter(({ kind }) => kind === 'initial');
          const keys = initial.flatMap(({ events }) =>
            events.map((event) => event.type === 'put' && `${event.entry.key}@${event.entry.modRevision}`),
          );
          expect(keys.sort()).toEqual(stateAt(world.history, each));
          expect(batches[initial.length + 1]).toEqual({ kind: 'synced', revision: each.base, events: [] });
        }
      }),
      { numRuns: 250 },
    );
  });
});
