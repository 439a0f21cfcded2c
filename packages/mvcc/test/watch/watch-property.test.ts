import { CoterieError } from '@coterie/errors';
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
  progress: fc.boolean(),
  overflow: fc.constantFrom<'resume' | 'error'>('resume', 'resume', 'error'),
  copies: fc.constantFrom(1, 1, 12),
});

const aStep = fc.oneof(
  { weight: 10, arbitrary: fc.record({ write: aRequest }) },
  { weight: 3, arbitrary: fc.constant('publish' as const) },
  { weight: 1, arbitrary: fc.constant('install' as const) },
  { weight: 3, arbitrary: fc.record({ watch: aWatch }) },
  { weight: 6, arbitrary: fc.record({ pull: fc.nat() }) },
  { weight: 4, arbitrary: fc.constant('answer' as const) },
  { weight: 4, arbitrary: fc.constant('turn' as const) },
  { weight: 1, arbitrary: fc.record({ compact: fc.integer({ min: 0, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ close: fc.nat() }) },
);

interface Watched {
  readonly request: WatchRequest;
  /** The revision before the first that it must see. */
  readonly base: number;
  readonly consumer: Consumer;
}

function open(
  world: WatchWorld,
  { only, from, initial, copies: _, ...rest }: typeof aWatch extends fc.Arbitrary<infer T> ? T : never,
): Watched {
  const { revision } = world;
  const start = Math.max(1, revision + from);
  const request: WatchRequest = {
    ...rest,
    ...(only === 'both' ? {} : { only }),
    ...(initial || from === 0 ? {} : { fromRevision: start }),
    initial,
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

/** What came is the beginning of what is due; how much of it depends on how the watch has ended. */
function checkWatched(history: readonly RevisionEvents[], each: Watched, compactRevision: number): void {
  const { request, base, consumer } = each;
  const { batches, changes, error, closed } = consumer;
  const due = expected(history, each);
  expect(batches[0] ?? { kind: 'opened', revision: base, events: [] }).toEqual({
    kind: 'opened',
    revision: base,
    events: [],
  });
  const told = Math.max(base, batches.at(-1)?.revision ?? 0);
  if (error === undefined && !closed) expect(changes).toEqual(due);
  else expect(changes).toEqual(due.slice(0, changes.length));
  if (error instanceof CoterieError && error.code === 'ERR_WATCH_OVERFLOW') {
    expect(request.overflow).toBe('error');
    expect(changes).toEqual(due.filter(({ revision }) => revision <= error.revision));
  } else if (error instanceof CoterieError && error.code === 'ERR_COMPACTED') {
    expect(told + 1).toBeLessThan(error.compactRevision);
    expect(error.compactRevision).toBeLessThanOrEqual(compactRevision);
  } else expect(error).toBeUndefined();
  batches.forEach(({ kind, revision }, at) => {
    if (kind !== 'progress') return;
    expect(request.progress).toBe(true);
    const before = batches.slice(0, at).filter((batch) => batch.kind === 'change');
    expect(before).toEqual(due.filter((batch) => batch.revision <= revision));
  });
  if (!request.initial || closed) return;
  const initial = batches.filter(({ kind }) => kind === 'initial');
  const keys = initial.flatMap(({ events }) =>
    events.map((event) => event.type === 'put' && `${event.entry.key}@${event.entry.modRevision}`),
  );
  expect(keys.sort()).toEqual(stateAt(history, each));
  expect(batches[initial.length + 1]).toEqual({ kind: 'synced', revision: base, events: [] });
}

describe('under random writes, slow consumers, late disks, slices, compaction and snapshots', () => {
  test('every watch is told everything: ordered, unique, whole, nothing left out', async () => {
    const steps = fc.array(aStep, { maxLength: 80, size: 'max' });
    const run = fc.asyncProperty(steps, fc.nat(), fc.constantFrom(1, 3, 256), async (script, seed, watchSteps) => {
      const world = new WatchWorld({ watchBytes: 600, watchSteps, progressRevisions: 3 });
      const answers = new LateAnswers(world.store, seededRandom(seed));
      const watched: Watched[] = [];
      for (const step of script) {
        if (step === 'publish') world.publish();
        else if (step === 'answer') answers.answerOne();
        else if (step === 'turn') world.scheduler.run();
        else if (step === 'install') {
          answers.forget();
          world.install();
        } else if ('write' in step) {
          if (step.write.kind !== 'compact') world.write(step.write);
        } else if ('watch' in step) {
          world.publish();
          for (let copy = 0; copy < step.watch.copies; copy++) watched.push(open(world, step.watch));
        } else if ('compact' in step) {
          world.publish();
          world.compact(Math.max(world.state.compactRevision, world.revision - step.compact));
        } else if ('close' in step) watched[step.close % Math.max(watched.length, 1)]?.consumer.close();
        else watched[step.pull % Math.max(watched.length, 1)]?.consumer.pull();
        await settle();
      }
      world.publish();
      for (let quiet = 0, seen = -1, rounds = 0; quiet < 3; rounds++) {
        expect(rounds).toBeLessThan(2_000);
        for (const { consumer } of watched) consumer.pull();
        await settle();
        const now = watched.reduce((sum, { consumer }) => sum + consumer.batches.length, 0);
        quiet = world.scheduler.idle && answers.idle && now === seen ? quiet + 1 : 0;
        seen = now;
        answers.answerAll();
        world.scheduler.run();
        await settle();
      }
      for (const each of watched) checkWatched(world.history, each, world.state.compactRevision);
      for (const { consumer } of watched) consumer.close();
      await settle();
      expect([world.hub.size, world.store.views]).toEqual([0, 0]);
    });
    await fc.assert(run, { numRuns: 150 });
  }, 120_000);
});
