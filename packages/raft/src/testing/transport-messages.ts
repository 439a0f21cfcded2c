import assert from 'node:assert/strict';
import type { Message } from '../core/messages.js';
import { beat, heard, pause, quiet, until, type TransportEnd, type TransportEnds } from './transport-ends.js';

const kib = 1024;

/** Beyond what a transport may let wait for one peer, by bytes (96 MiB) or by frames. */
const burstFrames = 12_000;
const burstEntryBytes = 8 * kib;

/** Long enough for a local delivery that must not happen to show itself. */
const silenceMs = 150;

/**
 * One message of each kind, with and without its optional fields, and with the values at which encodings change their
 * form.
 */
function everyKind(from: number, to: number): Message[] {
  const head = { group: 0, from, to, term: 300 };
  const data = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
  const entries = [
    { term: 1, index: 2 ** 40, kind: 'normal', data },
    { term: 300, index: 2 ** 40 + 1, kind: 'conf', data: data.subarray(0, 1) },
    { term: 300, index: Number.MAX_SAFE_INTEGER, kind: 'empty', data: new Uint8Array() },
  ] as const;
  return [
    { ...head, type: 'append', prevIndex: 2 ** 40 - 1, prevTerm: 1, commit: 128, entries },
    { ...head, type: 'append', prevIndex: 0, prevTerm: 0, commit: 0, entries: [] },
    { ...head, type: 'appendResponse', index: 65_536, reject: false },
    { ...head, type: 'appendResponse', index: 7, reject: true, rejectHint: 5, logTerm: 0 },
    { ...head, type: 'heartbeat', commit: 2 ** 32, context: 0 },
    { ...head, type: 'heartbeatResponse', context: 255 },
    { ...head, type: 'heartbeatResponse', context: 256, promiseMs: 800, priority: 7 },
    { ...head, type: 'transferLeader', target: 3 },
    { ...head, type: 'vote', lastIndex: 1, lastTerm: 1, transfer: true },
    { ...head, type: 'preVote', lastIndex: 0, lastTerm: 0 },
    { ...head, type: 'voteResponse', reject: true },
    { ...head, type: 'preVoteResponse', reject: false },
    { ...head, type: 'propose', entries: entries.slice(0, 1) },
    { ...head, type: 'readIndex', context: 9 },
    { ...head, type: 'readIndexResponse', context: 9, index: 0 },
    { ...head, type: 'timeoutNow' },
  ];
}

/** Bytes as numbers: a transport may hand out any kind of Uint8Array, and none but that. */
function comparable(message: Message): unknown {
  if (message.type !== 'append' && message.type !== 'propose') return { ...message };
  return {
    ...message,
    entries: message.entries.map((entry) => {
      // By shape, not by `instanceof`: test runners have several realms.
      assert.ok(ArrayBuffer.isView(entry.data) && entry.data.BYTES_PER_ELEMENT === 1, 'entry data is a Uint8Array');
      return { ...entry, data: [...entry.data] };
    }),
  };
}

export async function deliversBothWays(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  for (const [from, to] of [[a, b] as const, [b, a] as const]) {
    const sent = everyKind(from.self.id, to.self.id);
    from.transport.send(to.self.id, sent);
    await until('every kind of message arrives', () => to.messages.length >= sent.length);
    assert.deepEqual(
      to.messages.map(({ message }) => comparable(message)),
      sent.map(comparable),
    );
    assert.ok(
      to.messages.every(({ from: id }) => id === from.self.id),
      'the sender is the end that sent',
    );
  }
}

export async function saysWhoSent(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  a.transport.send(b.self.id, [{ ...beat(a, b.self, 1), from: 999_999 }]);
  await until('the message arrives', () => b.messages.length > 0);
  assert.equal(b.messages[0]?.from, a.self.id, 'the sender is who the link belongs to, whatever the message says');
}

export async function keepsOrder(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  const frames = 500;
  let context = 0;
  for (let frame = 0; frame < frames; frame++) {
    a.transport.send(b.self.id, [beat(a, b.self, ++context), beat(a, b.self, ++context)]);
    if (frame % 7 === 0) await pause(0);
  }
  const last = (): number => b.beatsFrom(a).at(-1) ?? 0;
  await until('the last message arrives', () => {
    // Any of them may be dropped, so a later one is sent until one arrives.
    if (last() < 2 * frames) a.transport.send(b.self.id, [beat(a, b.self, ++context)]);
    return last() >= 2 * frames;
  });
  const beats = b.beatsFrom(a);
  beats.forEach((value, i) =>
    assert.ok(i === 0 || value > (beats[i - 1] ?? 0), `message ${value} after ${beats[i - 1]}`),
  );
}

export async function carriesBytes(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  const sizes = [0, 1, 125, 126, 65_535, 65_536, kib * kib];
  for (const size of sizes) a.transport.sendBytes(b.self.id, new Uint8Array(size).fill(size % 251));
  b.transport.sendBytes(a.self.id, Uint8Array.of(1, 2, 3));
  await until('all bytes arrive', () => b.bytes.length >= sizes.length && a.bytes.length >= 1);
  assert.deepEqual(
    b.bytes.map(({ bytes }) => bytes.length),
    sizes,
  );
  for (const { from, bytes } of b.bytes) {
    assert.equal(from, a.self.id);
    assert.ok(
      bytes.every((byte) => byte === bytes.length % 251),
      'bytes arrive as they were sent',
    );
  }
  assert.deepEqual(
    a.bytes.map(({ bytes }) => [...bytes]),
    [[1, 2, 3]],
  );
  assert.equal(b.messages.length, 0, 'bytes are not messages');
}

export async function carriesLargeFrames(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  const data = Uint8Array.from({ length: 512 * kib }, (_, i) => (i * 31) & 0xff);
  const entries = [1, 2, 3, 4].map((index) => ({ term: 1, index, kind: 'normal' as const, data }));
  const head = { group: 0, from: a.self.id, to: b.self.id, term: 1 };
  a.transport.send(b.self.id, [
    { ...head, type: 'append', prevIndex: 0, prevTerm: 0, commit: 0, entries },
    beat(a, b.self, 5),
  ]);
  await until('a frame of 2 MiB arrives', () => b.messages.length >= 2);
  const append = b.messages[0]?.message;
  assert.ok(append?.type === 'append' && append.entries.length === 4);
  for (const entry of append.entries) assert.ok(Buffer.compare(entry.data, data) === 0, 'entry data is unchanged');
  assert.deepEqual(b.beatsFrom(a), [5]);
}

/**
 * What is sent in one go meets a peer that does not read: both live in this process, and its loop does not turn. What a
 * system takes off a socket meanwhile is a few MiB.
 */
export async function boundsWhatWaits(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  a.unreachable.length = a.reasons.length = 0;
  const data = new Uint8Array(burstEntryBytes);
  const head = { group: 0, from: a.self.id, to: b.self.id, term: 1 };
  for (let index = 1; index <= burstFrames; index++) {
    const entries = [{ term: 1, index, kind: 'normal' as const, data }];
    a.transport.send(b.self.id, [{ ...head, type: 'append', prevIndex: index - 1, prevTerm: 1, commit: 0, entries }]);
  }
  await until('messages that were dropped are reported', () => a.unreachable.includes(b.self.id));
  assert.ok(!a.reasons.includes('refused'), 'a peer that is slow is not a peer that is gone');
  // Heard again only when all that waited has arrived, or was dropped.
  const appends = (): number => b.messages.filter(({ message }) => message.type === 'append').length;
  await until('the link is of use again', () => {
    a.transport.send(b.self.id, [beat(a, b.self, 1)]);
    return b.beatsFrom(a).length > 0;
  });
  assert.ok(appends() < burstFrames, `what waits is bounded: all of ${burstFrames * burstEntryBytes} bytes waited`);
}

/** Nothing from `from` reaches `to`, though both try. */
async function silent(from: TransportEnd, to: TransportEnd): Promise<void> {
  await quiet(to);
  to.bytes.length = 0;
  for (let i = 0; i < 3; i++) {
    from.transport.send(to.self.id, [beat(from, to.self, 1)]);
    from.transport.sendBytes(to.self.id, Uint8Array.of(1));
    await pause(silenceMs / 3);
  }
  await pause(silenceMs);
  assert.equal(to.beatsFrom(from).length, 0, 'no message arrives');
  assert.equal(to.bytes.length, 0, 'no bytes arrive');
}

export async function ignoresStrangers(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  const stranger = await ends.open();
  stranger.transport.setPeers([a.self, b.self]);
  await silent(stranger, b);
  // The other way round: a stranger is not talked to either.
  await silent(a, stranger);
  await heard(a, b);
}

export async function obeysSetPeers(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  a.transport.setPeers([]);
  await silent(a, b);
  a.transport.setPeers([b.self]);
  await heard(a, b);
  b.transport.setPeers([]);
  await silent(a, b);
  b.transport.setPeers([a.self]);
  await heard(a, b);
  await heard(b, a);
}
