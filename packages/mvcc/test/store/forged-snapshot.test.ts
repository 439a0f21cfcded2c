import { expect, test } from 'vitest';
import { peekFrame } from '../../src/store/history/event-codec.js';
import {
  blockHeadBytes,
  blockKinds,
  decodeBlock,
  decodeItems,
  decodeTotals,
  encodeBlock,
  encodeItem,
  encodeTotals,
} from '../../src/store/snapshot/snapshot-format.js';
import { storedKey } from '../../src/store/stored-keys.js';
import type { KeyedRecord } from '../../src/store/types.js';
import { bytes, makeRecord } from './fixture.js';
import { Member, open, readAll, send, sender } from './snapshot-member.js';

/** The same snapshot with its keys or its history changed, and every checksum and count right again. */
function forged(content: Uint8Array, kind: number, change: (content: Uint8Array) => Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length;) {
    const block = decodeBlock(content.subarray(at))!;
    parts.push(encodeBlock(block.kind, block.kind === kind ? change(block.content) : block.content));
    at += blockHeadBytes + block.content.length;
  }
  return Buffer.concat(parts);
}

const withKeys =
  (change: (items: KeyedRecord[]) => KeyedRecord[]) =>
  (content: Uint8Array): Uint8Array =>
    forged(content, blockKinds.keys, (block) => Buffer.concat(change(decodeItems(block)).map(encodeItem)));

function frames(block: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < block.length;) {
    const frame = peekFrame(block, at);
    if ('need' in frame) throw new Error('a block ends inside an event');
    found.push(block.subarray(at, (at += frame.bytes)));
  }
  return found;
}

test.each([
  { what: 'a record twice, another not at all', forge: withKeys((items) => [items[0]!, items[0]!, ...items.slice(2)]) },
  {
    what: 'a record of another revision',
    forge: withKeys(([first, ...others]) => [
      { key: first!.key, record: makeRecord(first!.key, first!.record.value, 3, undefined) },
      ...others,
    ]),
  },
  {
    what: 'a key that there is not, in the place of another',
    forge: withKeys(([, ...others]) => [{ key: '!', record: makeRecord('!', bytes('x'), 3, undefined) }, ...others]),
  },
  { what: 'keys out of their order', forge: withKeys((items) => items.toReversed()) },
])('a snapshot with $what is refused although every checksum and count in it is right', async ({ forge }) => {
  const from = await sender();
  const opened = await open(from);
  const content = forge(await readAll(from, opened));
  const meta = { ...opened.meta, size: content.length };
  const to = await new Member(2).start();
  const sink = await to.run(to.store.receiveSnapshot(meta));
  const received = send(to, sink, content).then(() => to.run(sink.commit()));
  await expect(received).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  expect(() => to.store.installSnapshot(meta)).toThrow('committed');
});

test.each(['second', 'middle', 'last'])('a snapshot that lacks a revision (the %s) is refused', async (which) => {
  const from = await sender();
  const opened = await open(from);
  const whole = await readAll(from, opened);
  let missing = 0;
  const short = forged(whole, blockKinds.events, (block) => {
    const events = frames(block);
    const revisions = [...new Set(events.map(revisionOf))];
    const gone = revisions.at({ second: 1, middle: revisions.length >> 1, last: -1 }[which]!);
    const kept = events.filter((event) => revisionOf(event) !== gone);
    missing = events.length - kept.length;
    return Buffer.concat(kept);
  });
  expect(missing).toBeGreaterThan(0);
  const content = forged(short, blockKinds.end, (block) => {
    const { keys, events } = decodeTotals(block);
    return encodeTotals({ keys, events: events - missing });
  });
  const to = await new Member(2).start();
  const sink = await to.run(to.store.receiveSnapshot({ ...opened.meta, size: content.length }));
  const received = send(to, sink, content).then(() => to.run(sink.commit()));
  await expect(received).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
});

function revisionOf(event: Uint8Array): number {
  const frame = peekFrame(event, 0);
  if ('need' in frame) throw new Error('it is no event');
  return frame.revision;
}

test('a member whose disk has lost a record sends no snapshot: it finds that out and stops', async () => {
  const from = await sender();
  const lost = 'key-1';
  expect((await from.run(from.store.get(lost)))?.value).toBeDefined();
  await from.run(from.store.close());
  const path = from.world.disk.paths.find((one) => one.startsWith('/data/store-'))!;
  const ordered = await from.world.ordered.open(`${path.slice(0, path.lastIndexOf('/'))}/kv`);
  const batch = ordered.batch();
  batch.delete(storedKey(lost));
  await from.run(new Promise<unknown>((done) => batch.write({ sync: true }, done)));
  await from.run(new Promise<unknown>((done) => ordered.close(done)));
  await from.start();
  await expect(from.run(from.store.openSnapshot())).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  expect(from.writer.failures).toMatchObject([{ code: 'ERR_CORRUPT' }]);
});
