import { CoterieError } from '@coterie/errors';
import type { Entry, Message } from '@coterie/raft';
import fc from 'fast-check';
import { unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { decodeMessages, encodeMessages } from '../src/frame.js';

const index = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32),
);
const head = { group: index, from: index, to: index, term: index };
const entry: fc.Arbitrary<Entry> = fc.record(
  {
    term: index,
    index,
    kind: fc.constantFrom('normal' as const, 'conf' as const, 'empty' as const),
    data: fc.uint8Array({ maxLength: 300 }),
  },
  { noNullPrototype: true },
);
const maybe = <K extends string, T>(key: K, value: fc.Arbitrary<T>) =>
  fc.oneof(
    fc.constant({}),
    value.map((v) => ({ [key]: v })),
  );

function kind(type: Message['type'], fields: object, ...optional: fc.Arbitrary<object>[]): fc.Arbitrary<Message> {
  const required = fc.record({ type: fc.constant(type), ...head, ...fields }, { noNullPrototype: true });
  return fc.tuple(required, ...optional).map((parts) => Object.assign({}, ...parts) as Message);
}
const message: fc.Arbitrary<Message> = fc.oneof(
  kind('append', { prevIndex: index, prevTerm: index, commit: index, entries: fc.array(entry, { maxLength: 20 }) }),
  kind('appendResponse', { index, reject: fc.boolean() }, maybe('rejectHint', index), maybe('logTerm', index)),
  kind('heartbeat', { commit: index, context: index }),
  kind('heartbeatResponse', { context: index }, maybe('promiseMs', index), maybe('priority', index)),
  kind('transferLeader', { target: index }),
  kind('vote', { lastIndex: index, lastTerm: index }, maybe('transfer', fc.boolean())),
  kind('preVote', { lastIndex: index, lastTerm: index }, maybe('transfer', fc.boolean())),
  kind('voteResponse', { reject: fc.boolean() }),
  kind('preVoteResponse', { reject: fc.boolean() }),
  kind('propose', { entries: fc.array(entry, { maxLength: 20 }) }),
  kind('readIndex', { context: index }, maybe('index', index)),
  kind('readIndexResponse', { context: index }, maybe('index', index)),
  kind('timeoutNow', {}),
);

describe('encodeMessages and decodeMessages', () => {
  it('give back what was encoded, as plain objects', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
        const decoded = decodeMessages(encodeMessages(messages));
        expect(decoded).toStrictEqual(messages);
      }),
      { numRuns: 500 },
    );
  });

  it('write MessagePack positional arrays that any decoder reads', () => {
    const data = Uint8Array.of(1, 2, 3);
    const frame = encodeMessages([
      {
        type: 'append',
        group: 0,
        from: 1,
        to: 2,
        term: 3,
        prevIndex: 2 ** 40,
        prevTerm: 2,
        commit: 4,
        entries: [{ term: 3, index: 2 ** 40 + 1, kind: 'conf', data }],
      },
      { type: 'timeoutNow', group: 0, from: 1, to: 2, term: 3 },
    ]);
    expect(unpack(frame)).toEqual([
      1,
      [0, 0, 1, 2, 3, 2 ** 40, 2, 4, [[3, 2 ** 40 + 1, 1, Buffer.from(data)]]],
      [11, 0, 1, 2, 3],
    ]);
  });

  it('keep large data whole, and frames of one size never share memory with frames of another', () => {
    const large = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i * 13) & 0xff);
    const propose = (data: Uint8Array): Message => ({
      type: 'propose',
      group: 0,
      from: 1,
      to: 2,
      term: 1,
      entries: [{ term: 0, index: 0, kind: 'normal', data }],
    });
    const frames = [large, Uint8Array.of(7), large, new Uint8Array(5000).fill(9)].map((data) =>
      encodeMessages([propose(data)]),
    );
    const sizes = frames.map((frame) => {
      const [decoded] = decodeMessages(frame);
      return decoded?.type === 'propose' ? [decoded.entries[0]?.data.length, decoded.entries[0]?.data[0]] : undefined;
    });
    expect(sizes).toEqual([
      [large.length, 0],
      [1, 7],
      [large.length, 0],
      [5000, 9],
    ]);
    const [first] = decodeMessages(frames[0] ?? new Uint8Array());
    expect(first?.type === 'propose' && Buffer.compare(first.entries[0]?.data ?? Buffer.of(), large)).toBe(0);
  });

  it('do not copy entry data when decoding', () => {
    const data = new Uint8Array(100).fill(1);
    const frame = encodeMessages([
      { type: 'propose', group: 0, from: 1, to: 2, term: 1, entries: [{ term: 0, index: 0, kind: 'normal', data }] },
    ]);
    const [decoded] = decodeMessages(frame);
    expect(decoded?.type === 'propose' && decoded.entries[0]?.data.buffer === frame.buffer).toBe(true);
  });

  it('refuse a frame over the limit before they look at it', () => {
    const frame = encodeMessages([{ type: 'timeoutNow', group: 0, from: 1, to: 2, term: 3 }]);
    expect(decodeMessages(frame, { maxBytes: frame.length })).toHaveLength(1);
    expect(() => decodeMessages(frame, { maxBytes: frame.length - 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_PROTOCOL' }),
    );
  });
});

/** What came of decoding hostile bytes: messages, or the one error allowed. */
function decodeHostile(bytes: Uint8Array): 'messages' | 'refused' {
  try {
    for (const decoded of decodeMessages(bytes)) expect(typeof decoded.type).toBe('string');
    return 'messages';
  } catch (error) {
    if (error instanceof CoterieError && error.code === 'ERR_PROTOCOL') return 'refused';
    throw error;
  }
}

describe('decodeMessages and hostile bytes', () => {
  it.each([
    ['no bytes', []],
    ['no version', [0x90]],
    ['another format', [0x91, 2]],
    ['an array of four thousand million elements', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map', [0x81, 1, 2]],
    ['an unknown kind of message', [0x92, 1, 0x95, 12, 0, 1, 2, 3]],
    ['a message with an element too many', [0x92, 1, 0x96, 11, 0, 1, 2, 3, 4]],
    ['a message with an element too few', [0x92, 1, 0x94, 11, 0, 1, 2]],
    ['a negative number', [0x92, 1, 0x95, 11, 0, 1, 2, 0xff]],
    ['a fraction', [0x92, 1, 0x95, 11, 0, 1, 2, 0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]],
    ['not a number', [0x92, 1, 0x95, 11, 0, 1, 2, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
    ['an unsafe integer', [0x92, 1, 0x95, 11, 0, 1, 2, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0]],
    ['bytes after the end', [0x92, 1, 0x95, 11, 0, 1, 2, 3, 0]],
    ['text for a number', [0x92, 1, 0x95, 11, 0, 1, 2, 0xa1, 0x61]],
    ['an extension', [0x92, 1, 0xd7, 0xff, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['data longer than the frame', [0x92, 1, 0x96, 8, 0, 1, 2, 3, 0x91, 0x94, 0, 0, 0, 0xc6, 0x7f, 0xff, 0xff, 0xff]],
    ['ten thousand arrays inside each other', Array.from({ length: 10_000 }, () => 0x91)],
  ])('refuses %s', (_, bytes) => {
    expect(decodeHostile(Uint8Array.from(bytes))).toBe('refused');
  });

  it('throws nothing but ERR_PROTOCOL over a hundred thousand mutated frames', () => {
    const frames = fc
      .sample(fc.array(message, { minLength: 1, maxLength: 4 }), { numRuns: 200, seed: 7 })
      .map(encodeMessages);
    let state = 1;
    const next = (n: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const outcomes = { messages: 0, refused: 0 };
    for (let i = 0; i < 100_000; i++) {
      const frame = frames[i % frames.length] ?? new Uint8Array();
      const length = next(4) === 0 ? next(frame.length + 1) : frame.length;
      const mutated = Buffer.from(frame.subarray(0, length));
      for (let left = 1 + next(3); left > 0 && length > 0; left--) mutated[next(length)] = next(256);
      outcomes[decodeHostile(mutated)]++;
    }
    // Both ways must have been taken, or the mutations were too mild or too wild to mean anything.
    expect(outcomes.messages).toBeGreaterThan(1000);
    expect(outcomes.refused).toBeGreaterThan(10_000);
  });

  it('refuses every proper prefix of a frame', () => {
    for (const messages of fc.sample(fc.array(message, { minLength: 1, maxLength: 3 }), { numRuns: 30, seed: 11 })) {
      const frame = encodeMessages(messages);
      for (let length = 0; length < frame.length; length++)
        expect(decodeHostile(frame.subarray(0, length))).toBe('refused');
    }
  });
});
