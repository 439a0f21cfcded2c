import type { AppendBatch } from '@coterie/raft';
import { describe, expect, it } from 'vitest';
import { DiskTruth } from '../../src/testing/checks/disk-truth.js';

const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

function batch(seq: number, from: number, to: number, snapshot?: number): AppendBatch {
  const entries = Array.from({ length: to - from + 1 }, (_, i) => {
    return { index: from + i, term: 1, kind: 'normal', data: new Uint8Array() } as const;
  });
  const meta = snapshot === undefined ? {} : { snapshot: { index: snapshot, term: 1, size: 1, conf } };
  return { seq, entries, mustSync: true, ...meta };
}

describe('what a disk is certain of', () => {
  it('keeps what was synced while the mark of a snapshot that covers it is on its way', () => {
    const truth = new DiskTruth('a');
    truth.durable(truth.stage(batch(1, 1, 9)));
    const late = truth.stage(batch(2, 10, 12));
    truth.stage(batch(3, 32, 31, 31));
    expect(truth.stableIndex).toBe(9);
    truth.durable(late);
    expect(truth.stableIndex).toBe(12);
  });

  it('gives up what lies behind a snapshot that takes the place of the log', () => {
    const truth = new DiskTruth('a');
    truth.durable(truth.stage(batch(1, 1, 9)));
    truth.stage(batch(2, 6, 5, 5));
    expect(truth.stableIndex).toBe(5);
  });
});
