import { keyAlone } from '../../src/command/key-range.js';
import type { CommittedEntry } from '@coterie/raft';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeEndSession, encodeOpenSession, encodeSkip, encodeTouch, encodeWrite } from '../../src/command/encode.js';
import { aRequest, aSetting } from '../command/request-arbitrary.js';
import { LogWriter } from './log-writer.js';
import { emptyImage } from './memory-store.js';
import { put, Replica } from './replica.js';

/**
 * Any entry that may be in a log: writes of sessions that are open or not, in order or not, and bytes that say nothing.
 */
const anEntryOfCommands = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 12 }),
          fc.oneof({ weight: 3, arbitrary: aRequest }, aSetting),
        )
        .map(([session, sequence, request]) => encodeWrite(session, sequence, sequence, request)),
    },
    { weight: 2, arbitrary: fc.constantFrom('a', 'b', 'c').map((letter) => encodeOpenSession(letter.repeat(16))) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }))
        .map(([session, sequence]) => encodeSkip(session, sequence, 1)),
    },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }).map((session) => encodeTouch(session, 3)) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }).map(encodeEndSession) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
  ),
  { maxLength: 6 },
);

const aLevel = fc.integer({ min: 1, max: 2 });

const aLog = fc
  .array(fc.record({ commands: anEntryOfCommands, stampMs: fc.constantFrom(0, 1, 5_000, 700_000, 2_000_000, NaN) }), {
    maxLength: 25,
    size: 'max',
  })
  .map((entries) => entries.map((entry, at): CommittedEntry => ({ index: at + 1, term: 1, wallMs: 0, ...entry })));

describe('determinism', () => {
  test('one that never stopped and one that starts again from checkpoints go through the same states', () => {
    fc.assert(
      fc.property(aLog, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), aLevel, (log, chance, featureLevel) => {
        const begin = { ...emptyImage, state: { ...emptyImage.state, featureLevel } };
        const steady = new Replica(begin);
        let restarted = new Replica(begin);
        for (const entry of log) {
          steady.apply(entry);
          restarted.apply(entry);
          const dice = chance.next().value;
          if (dice === 0) restarted.store.checkpoint();
          if (dice === 1) {
            restarted = new Replica(restarted.store.image);
            restarted.apply(...log.slice(restarted.machine.applied().index, entry.index));
          }
          expect(restarted.machine.stateHash()).toEqual(steady.machine.stateHash());
        }
        expect(restarted.store.checkpoint()).toEqual(steady.store.checkpoint());
      }),
      { numRuns: 150 },
    );
  });

  test('a different effect makes every later hash different', () => {
    const one = new LogWriter();
    const other = new LogWriter();
    one.write(put('a', '1'));
    other.write(put('a', '2'));
    for (const writer of [one, other]) writer.write(put('b'));
    const hashes = [one, other].map(({ log }) => new Replica().apply(...log).machine.stateHash());
    expect(hashes[0]).toMatchObject({ index: 3, revision: 3 });
    expect(hashes[0]?.chain).not.toBe(hashes[1]?.chain);
    expect(Number.isSafeInteger(hashes[0]?.chain)).toBe(true);
  });

  test('so does the delete of another key', () => {
    const chains = ['a', 'b'].map((key) => {
      const writer = new LogWriter();
      writer.write(put('a'), put('b'));
      writer.write({ kind: 'delete', range: keyAlone(key), prev: false });
      return new Replica().apply(...writer.log).machine.stateHash().chain;
    });
    expect(chains[0]).not.toBe(chains[1]);
  });

  test('hashes to compare are kept at every 1,024th index', () => {
    const writer = new LogWriter();
    while (writer.log.length < 2_100) writer.write(put('a'));
    const { machine } = new Replica().apply(...writer.log);
    expect(machine.stateHashes().map(({ index }) => index)).toEqual([1_024, 2_048]);
  });
});
