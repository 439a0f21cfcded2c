import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppendBatch } from '@coterie/raft';
import { InvariantError } from '@coterie/errors';
import {
  beginRecord,
  contentIsSound,
  headerBytes,
  headerIsSound,
  lengthAt,
  payloadBytesMax,
  payloadBytesReadMax,
  recordBytes,
  sealRecord,
  segmentName,
  sequenceOf,
  typeAt,
  viewOf,
} from '../../src/wal/format.js';
import {
  batchBytes,
  decodeEntry,
  decodeHardState,
  decodeSnapshot,
  encodeBatch,
  groupOf,
} from '../../src/wal/payloads.js';

const integer = fc.maxSafeNat();
const ids = fc.array(integer, { maxLength: 9 });
const batch: fc.Arbitrary<AppendBatch> = fc.record(
  {
    seq: integer,
    mustSync: fc.boolean(),
    entries: fc.array(
      fc.record({
        term: integer,
        index: integer,
        kind: fc.constantFrom('normal' as const, 'conf' as const, 'empty' as const),
        data: fc.uint8Array({ maxLength: 70 }),
      }),
      { maxLength: 5 },
    ),
    hardState: fc.record({ term: integer, vote: integer, commit: integer }),
    snapshot: fc.record({
      index: integer,
      term: integer,
      size: integer,
      conf: fc.record({
        voters: ids,
        votersOutgoing: ids,
        learners: ids,
        learnersNext: ids,
        autoLeave: fc.boolean(),
      }),
    }),
  },
  { requiredKeys: ['seq', 'mustSync', 'entries'] },
);

describe('a batch as records', () => {
  it('is read back as it was written, in exactly the bytes that were asked for, over any garbage', () => {
    fc.assert(
      fc.property(batch, fc.nat({ max: 2 ** 32 - 1 }), (given, group) => {
        const bytes = new Uint8Array(batchBytes(given)).fill(0xee);
        const view = viewOf(bytes);
        encodeBatch(given, group, bytes, view);
        const found: { entries: unknown[]; hardState?: unknown; snapshot?: unknown } = { entries: [] };
        for (let at = 0; at < bytes.length; at += recordBytes(lengthAt(view, at))) {
          sealRecord(bytes, view, at, { sequence: 1, offset: at }, 0, 0);
          expect(headerIsSound(bytes, view, at, { sequence: 1, offset: at })).toBe(true);
          expect(headerIsSound(bytes, view, at, { sequence: 2, offset: at })).toBe(false);
          expect(contentIsSound(bytes, view, at)).toBe(true);
          const payload = bytes.subarray(at + headerBytes, at + headerBytes + lengthAt(view, at));
          const inside = viewOf(payload);
          if (payload.length > 0) expect(groupOf(inside)).toBe(group);
          if (typeAt(view, at) === 3) found.entries.push(decodeEntry(payload, inside));
          if (typeAt(view, at) === 4) found.hardState = decodeHardState(inside);
          if (typeAt(view, at) === 5) found.snapshot = decodeSnapshot(inside);
        }
        const { size: _size, ...mark } = given.snapshot ?? { size: 0 };
        expect(found).toEqual({
          entries: given.entries,
          ...(given.hardState === undefined ? {} : { hardState: given.hardState }),
          ...(given.snapshot === undefined ? {} : { snapshot: mark }),
        });
      }),
    );
  });
});

describe('the layout', () => {
  it('aligns every record to 8 bytes and ends it in a byte that is not zero', () => {
    for (let payload = 0; payload < 100; payload++) {
      const length = recordBytes(payload);
      expect(length % 8).toBe(0);
      expect(length - headerBytes - payload).toBeGreaterThanOrEqual(1);
      expect(length - headerBytes - payload).toBeLessThanOrEqual(8);
      const bytes = new Uint8Array(length);
      expect(beginRecord(viewOf(bytes), 0, 3, 0, payload)).toBe(length);
      expect(bytes.at(-1)).not.toBe(0);
    }
  });

  it('reads more than it writes, and refuses to write more than that', () => {
    expect(payloadBytesReadMax).toBeGreaterThan(payloadBytesMax);
    expect(() => beginRecord(viewOf(new Uint8Array(64)), 0, 3, 0, payloadBytesMax + 1)).toThrow(InvariantError);
  });

  it('names segments so that their order is that of their names', () => {
    expect(segmentName(1)).toBe('0000000000000001.wal');
    expect(sequenceOf(segmentName(0xabcdef))).toBe(0xabcdef);
    for (const other of ['next.tmp', '1.wal', '000000000000000G.wal', '0000000000000001.wal.broken']) {
      expect(sequenceOf(other)).toBeUndefined();
    }
  });
});
