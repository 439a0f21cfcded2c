import { expect, it } from 'vitest';
import type { AppendBatch, Entry } from '../../src/index.js';
import { LogWriter } from '../../src/node/log-writer.js';

const entry: Entry = { term: 2, index: 8, kind: 'normal', data: new Uint8Array(1) };
const committed: AppendBatch = { seq: 1, entries: [], mustSync: false, hardState: { term: 2, vote: 1, commit: 7 } };

it('takes a disk for one that stands still when somebody waits for it, and not for a commit index alone', () => {
  let now = 0;
  const writer = new LogWriter(
    { durableIndex: 0 } as never,
    { append: () => undefined } as never,
    { now: () => now } as never,
    () => undefined,
    1_000,
  );
  writer.append(committed, () => undefined);
  now = 5_000;
  expect(writer.stalled).toBe(false);
  writer.append({ seq: 2, entries: [entry], mustSync: true }, () => undefined);
  now = 6_000;
  expect(writer.stalled).toBe(false);
  now = 6_001;
  expect(writer.stalled).toBe(true);
  writer.durable();
  writer.durable();
  expect(writer.stalled).toBe(false);
});
