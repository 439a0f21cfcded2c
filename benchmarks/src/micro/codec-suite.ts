import { decodeMessages, encodeMessages } from '@coterie/transport-ws';
import type { Message } from '@coterie/raft';
import { randomBytes } from 'node:crypto';
import type { Suite } from '../suite.js';
import { runMicros, type Micro } from './cycle.js';

const head = { group: 1, from: 1, to: 2, term: 7 } as const;

/** An append message with so many entries of so many bytes. */
function append(entries: number, bytes: number): Message {
  return {
    ...head,
    type: 'append',
    prevIndex: 1_000_000,
    prevTerm: 7,
    commit: 999_990,
    entries: Array.from({ length: entries }, (_, i) => ({
      term: 7,
      index: 1_000_001 + i,
      kind: 'normal' as const,
      data: randomBytes(bytes),
    })),
  };
}

/** The frames of a busy leader: one entry a turn, holding one put, or a turn's worth of puts, or a catch-up. */
function frames(): ReadonlyMap<string, readonly Message[]> {
  const answer: Message = { ...head, type: 'appendResponse', index: 1_000_001, reject: false };
  return new Map<string, readonly Message[]>([
    ['one entry of 300 B', [append(1, 300)]],
    ['one entry of 19 KiB (64 puts)', [append(1, 19 << 10)]],
    ['64 entries of 300 B', [append(64, 300)]],
    ['an answer', [answer]],
  ]);
}

/** The peer transport's frames. */
export const codecSuite: Suite = {
  summary: 'encoding and decoding of peer frames (benchmark.js)',
  cases: [],
  systems: [],
  run: (options) => {
    const micros: Micro[] = [];
    for (const [name, messages] of frames()) {
      const bytes = encodeMessages(messages);
      micros.push({ name: `encode ${name}`, run: () => encodeMessages(messages) });
      micros.push({ name: `decode ${name}`, run: () => decodeMessages(bytes) });
    }
    return runMicros(micros, options);
  },
};
