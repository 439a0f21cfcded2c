import { describe, expect, test } from 'vitest';
import { keyAlone } from '../../src/command/key-range.js';
import { seededRandom, settle } from '../machine/virtual-clock.js';
import { LateAnswers, WatchWorld } from './watch-world.js';

const revisions = (batches: readonly { readonly revision: number }[]) => batches.map(({ revision }) => revision);

describe('many watches', () => {
  /** So many consumers, all waiting. */
  async function waiting(world: WatchWorld, count: number, request: Parameters<WatchWorld['watch']>[0]) {
    const consumers = Array.from({ length: count }, () => world.watch(request));
    for (const consumer of consumers) await consumer.drain();
    for (const consumer of consumers) consumer.pull();
    return consumers;
  }

  test('of one key are told in slices, each in order, also of what is written meanwhile', async () => {
    const world = new WatchWorld({ watchSteps: 64 });
    const consumers = await waiting(world, 1_000, { ranges: [keyAlone('k')] });
    const told = () => consumers.filter(({ changes }) => changes.length > 0).length;
    world.put('k', '1');
    world.publish();
    await settle();
    expect(told()).toBeGreaterThan(0);
    expect(told()).toBeLessThanOrEqual(64);
    for (let slices = 1; !world.scheduler.idle; slices++) {
      const before = told();
      if (slices < 5) {
        world.put('k', String(slices));
        world.publish();
      }
      world.scheduler.run();
      await settle();
      expect(told() - before).toBeLessThanOrEqual(64);
    }
    for (const consumer of consumers) expect(revisions((await consumer.drain()).changes)).toEqual([2, 3, 4, 5, 6]);
    const [first, second] = consumers;
    expect(first!.changes[0], 'made once').toBe(second!.changes[0]);
  });

  test('are told what a snapshot skipped, also when it comes between two slices', async () => {
    const world = new WatchWorld({ watchSteps: 8 });
    const consumers = await waiting(world, 50, { ranges: [{ start: 'a', end: 'z' }] });
    world.put('k');
    world.publish();
    world.put('l');
    world.install();
    for (const consumer of consumers) expect(revisions((await consumer.drain()).changes)).toEqual([2, 3]);
  });

  test('that compaction overtakes between two slices are told so, and later ones go on', async () => {
    const world = new WatchWorld({ watchSteps: 8 });
    const consumers = await waiting(world, 50, { ranges: [keyAlone('k')] });
    const later = await world.watch({ ranges: [keyAlone('k')], fromRevision: 5 }).drain();
    for (let at = 0; at < 4; at++) world.put('k');
    world.publish();
    world.put('k');
    world.publish();
    world.compact(6);
    for (const consumer of consumers) await consumer.drain();
    await later.drain();
    const ended = consumers.filter(({ error }) => error !== undefined);
    for (const { error } of ended) expect(error).toMatchObject({ code: 'ERR_COMPACTED', compactRevision: 6 });
    for (const consumer of [...consumers, later]) {
      const seen = revisions(consumer.changes);
      const from = consumer === later ? 5 : 2;
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, at) => from + at));
      if (consumer.error === undefined) expect(seen.at(-1)).toBe(6);
    }
  });

  test('that are behind at about the same revision read it once, not each for itself', async () => {
    const world = new WatchWorld();
    for (let at = 0; at < 40; at++) world.put(`k${at % 4}`);
    world.publish();
    let reads = 0;
    world.store.deferChanges = (answer) => {
      reads++;
      world.scheduler.defer(answer);
    };
    const consumers = Array.from({ length: 500 }, (_, at) =>
      world.watch({ fromRevision: 2 + (at % 3), ranges: [keyAlone(`k${at % 4}`)] }),
    );
    for (let turn = 0; turn < 200; turn++) {
      for (const consumer of consumers) consumer.pull();
      await settle();
      world.scheduler.run();
    }
    for (const [at, consumer] of consumers.entries()) {
      const due = Array.from({ length: 40 }, (_, i) => i + 2).filter(
        (r) => (r - 2) % 4 === at % 4 && r >= 2 + (at % 3),
      );
      expect(revisions(consumer.changes)).toEqual(due);
    }
    // Chunks of four revisions: one reader alone needs ten. Those who are told something ask a turn later than those
    // who are not, so they come in two waves.
    expect(reads).toBeLessThanOrEqual(22);
  });

  test('that are behind do not wait for one that is far behind, nor for one whose consumer is slow', async () => {
    const world = new WatchWorld();
    for (let at = 0; at < 4_000; at++) world.put('k');
    world.publish();
    const answers = new LateAnswers(world.store, seededRandom(1));
    const far = world.watch({ fromRevision: 2 });
    const slow = world.watch({ fromRevision: 3_990 });
    const near = world.watch({ fromRevision: 3_990 });
    far.pull();
    slow.pull();
    for (let turn = 0; turn < 20; turn++) {
      near.pull();
      await settle();
      world.scheduler.run();
      answers.answerAll();
    }
    expect(revisions(near.changes)).toEqual(Array.from({ length: 12 }, (_, at) => 3_990 + at));
    expect(far.changes.length).toBeLessThan(100);
    world.store.deferChanges = undefined;
    expect(revisions((await slow.drain()).changes)).toEqual(revisions(near.changes));
  });

  test('share one view of the state when they begin at the same revision', async () => {
    const world = new WatchWorld();
    world.put('a');
    world.publish();
    const consumers = Array.from({ length: 50 }, () => world.watch({ initial: true }));
    expect(world.store.views).toBe(1);
    for (const consumer of consumers.slice(0, 49)) consumer.close();
    await settle();
    expect(world.store.views).toBe(1);
    expect((await consumers[49]!.drain()).batches.map(({ kind }) => kind)).toEqual(['opened', 'initial', 'synced']);
    expect(world.store.views).toBe(0);
  });

  test('are closed in slices', async () => {
    const world = new WatchWorld({ watchSteps: 16 });
    await waiting(world, 100, {});
    let closed = false;
    world.hub.close(() => (closed = true));
    expect([world.hub.size > 50, closed]).toEqual([true, false]);
    for (let turn = 0; turn < 20; turn++) world.scheduler.run();
    expect([world.hub.size, closed]).toEqual([0, true]);
  });
});
