import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyAlone, prefixRange } from '../../src/command/key-range.js';
import type { KeyRequest, WriteRequest } from '../../src/command/operation.js';
import { replicatedLimits } from '../../src/limits.js';
import { Quotas } from '../../src/quota/quotas.js';
import { refusingQuota } from '../../src/quota/refusing-quota.js';
import { entryBytes } from '../../src/txn/record.js';
import { aLeaseRequest, aRequest, aSetting } from '../command/request-arbitrary.js';
import { LogWriter } from '../machine/log-writer.js';
import { emptyImage } from '../machine/memory-store.js';
import { cluster, put, Replica, value } from '../machine/replica.js';

const level2 = { ...emptyImage, state: { ...emptyImage.state, featureLevel: 2 } };

const setQuota = (prefix: string, bytes: number): WriteRequest => ({
  kind: 'setQuota',
  prefix,
  bytes,
  range: prefixRange(prefix),
});

/** A replica, and the outcomes of what it is told to write. */
class Writing {
  readonly replica: Replica;
  readonly writer = new LogWriter();

  constructor(image = level2) {
    this.replica = new Replica(image).apply(this.writer.log[0]!);
  }

  get machine() {
    return this.replica.machine;
  }

  /** @returns the code of its refusal, or 'ok' */
  write(request: WriteRequest): string {
    this.replica.apply(this.writer.write(request));
    const [what, , , outcome] = this.replica.told.at(-1) as [string, number, number, { kind: string; code?: string }];
    expect(what).toBe('settled');
    return outcome.code ?? 'ok';
  }

  /** As a leader does it: until nothing is left to be counted. @returns how many commands it took */
  countAll(): number {
    for (let steps = 0; ; steps++) {
      const due = this.machine.quotaCounts();
      if (due.length === 0) return steps;
      for (const request of due) this.write(request);
    }
  }

  async recount(prefix = ''): Promise<number> {
    const entries = await this.replica.entries();
    return entries.filter(({ key }) => key.startsWith(prefix)).reduce((sum, e) => sum + entryBytes(e.key, e), 0);
  }

  use(prefix: string) {
    return this.machine.quotas().find((quota) => quota.prefix === prefix);
  }
}

describe('live bytes', () => {
  test('are what a recount gives, and so is what each prefix uses, whatever was written and set', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: aRequest }, { weight: 2, arbitrary: aLeaseRequest }, aSetting), {
          maxLength: 40,
          size: 'max',
        }),
        async (requests) => {
          const writing = new Writing();
          for (const request of requests) writing.replica.apply(writing.writer.write(request));
          expect(writing.machine.liveBytes).toBe(await writing.recount());
          writing.countAll();
          for (const { prefix, used, counting } of writing.machine.quotas()) {
            expect({ prefix, used, counting }).toEqual({
              prefix,
              used: await writing.recount(prefix),
              counting: false,
            });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('survive a checkpoint with the quotas and with a count that is half done', async () => {
    const writing = new Writing();
    for (let at = 0; at <= replicatedLimits.quotaCountEntries; at++)
      writing.write(put(`k${String(at).padStart(5, '0')}`));
    writing.write(setQuota('', 1_000_000));
    writing.write(setQuota('k', 7));
    expect(writing.use('k')).toMatchObject({ counting: true, bytes: 7 });
    const again = new Replica(writing.replica.store.checkpoint());
    expect(again.machine.quotas()).toEqual(writing.machine.quotas());
    expect(again.machine.quotaCounts()).toEqual(writing.machine.quotaCounts());
    expect(again.machine.liveBytes).toBe(await writing.recount());
  });
});

describe('a quota', () => {
  const size = (key: string, text: string): number => entryBytes(key, { value: value(text) });

  test('of the store takes what fills it exactly, and refuses the next byte', () => {
    const writing = new Writing();
    writing.write(setQuota('', size('a', '12345')));
    expect(writing.write(put('a', '123456'))).toBe('ERR_NO_SPACE');
    expect(writing.write(put('a', '12345'))).toBe('ok');
    expect(writing.write(put('b', ''))).toBe('ERR_NO_SPACE');
    expect(writing.machine.liveBytes).toBe(size('a', '12345'));
  });

  test('takes again by itself what fits, as soon as a delete has made room', () => {
    const writing = new Writing();
    writing.write(setQuota('', size('a', '12345')));
    writing.write(put('a', '12345'));
    expect(writing.write(put('b', '1'))).toBe('ERR_NO_SPACE');
    expect(writing.write({ kind: 'delete', range: keyAlone('a'), prev: false })).toBe('ok');
    expect(writing.write(put('b', '1'))).toBe('ok');
  });

  test('that was lowered below what there is refuses only what grows', () => {
    const writing = new Writing();
    writing.write(put('a', '12345'));
    writing.write(put('b', '12345'));
    writing.write(setQuota('', 1));
    const shrinking: KeyRequest[] = [
      put('a', '54321'),
      put('a', '1'),
      { kind: 'delete', range: keyAlone('a'), prev: false },
      { kind: 'compact', revision: 3 },
      // It puts as much as it deletes.
      {
        kind: 'txn',
        compare: [],
        success: [
          { kind: 'delete', range: keyAlone('b'), prev: false },
          { kind: 'put', key: 'c', value: value('12345'), prev: false },
        ],
        failure: [],
      },
    ];
    expect(shrinking.map((request) => writing.write(request))).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(writing.write(put('c', '123456'))).toBe('ERR_NO_SPACE');
    expect(writing.write({ kind: 'add', key: 'sum', delta: 1 })).toBe('ERR_NO_SPACE');
  });

  test('of a prefix refuses there and nowhere else; the inner of two counts for both', () => {
    const writing = new Writing();
    writing.write(setQuota('a', 2 * size('a/x', '1')));
    writing.write(setQuota('a/', size('a/x', '1')));
    expect(writing.write(put('a/x', '1'))).toBe('ok');
    expect(writing.write(put('a/y', '1'))).toBe('ERR_NO_SPACE');
    expect(writing.write(put('ax', '1'))).toBe('ok');
    expect(writing.write(put('ay', '12'))).toBe('ERR_NO_SPACE');
    expect(writing.write(put('b', '1'.repeat(500)))).toBe('ok');
    expect(writing.use('a')).toMatchObject({ used: size('a/x', '1') + size('ax', '1') });
    writing.write({ kind: 'removeQuota', prefix: 'a/' });
    writing.write({ kind: 'removeQuota', prefix: 'a' });
    expect(writing.write(put('a/y', '1'))).toBe('ok');
    expect(writing.machine.quotas()).toHaveLength(1);
  });

  test('a transaction that goes beyond it applies nothing', async () => {
    const writing = new Writing();
    writing.write(setQuota('a', 100));
    const put2 = ['b', 'a'].map((key) => ({ kind: 'put' as const, key, value: value('1'.repeat(80)), prev: false }));
    expect(writing.write({ kind: 'txn', compare: [], success: put2, failure: [] })).toBe('ERR_NO_SPACE');
    expect(await writing.replica.entries()).toEqual([]);
    expect(writing.machine.liveBytes).toBe(0);
  });

  test('of many keys is counted in slices, refuses nothing until then, and sees what changes on both sides', async () => {
    const writing = new Writing();
    const slice = replicatedLimits.quotaCountEntries;
    for (let at = 0; at < 2 * slice + 10; at++) writing.write(put(`k${String(at).padStart(5, '0')}`));
    writing.write(put('l', 'beyond the prefix'));
    writing.write(setQuota('k', 1));
    expect(writing.use('k')).toMatchObject({ counting: true });
    for (const key of ['k00000', 'k00001x', 'k09999']) expect(writing.write(put(key, '1'.repeat(99)))).toBe('ok');
    for (const key of ['k00002', 'k02000']) writing.write({ kind: 'delete', range: keyAlone(key), prev: false });
    expect(writing.countAll()).toBe(2);
    expect(writing.use('k')).toEqual({ prefix: 'k', bytes: 1, used: await writing.recount('k'), counting: false });
    expect(writing.write(put('k1', ''))).toBe('ERR_NO_SPACE');
  });

  test('a count that comes twice, or for a quota that is gone, changes nothing', async () => {
    const writing = new Writing();
    for (let at = 0; at <= replicatedLimits.quotaCountEntries; at++)
      writing.write(put(`k${String(at).padStart(5, '0')}`));
    writing.write(setQuota('k', 1_000_000));
    const [due] = writing.machine.quotaCounts();
    writing.write(due!);
    writing.write(due!);
    writing.write({ kind: 'countQuota', prefix: 'none', range: prefixRange('none') });
    expect(writing.use('k')?.used).toBe(await writing.recount('k'));
  });

  test('refuses a put with a lease of its own before there is one; the end of leases makes room', () => {
    const writing = new Writing();
    writing.write({ kind: 'grantLease', id: 5, ttlMs: 1_000 });
    writing.write({ kind: 'put', key: 'a', value: value('12345'), prev: false, lease: 5 });
    writing.write(setQuota('', 1));
    const { leases } = writing.replica.store.checkpoint().state;
    expect(writing.write({ kind: 'put', key: 'b', value: value(''), prev: false, ttlMs: 1_000 })).toBe('ERR_NO_SPACE');
    expect(writing.replica.store.checkpoint().state.leases).toEqual(leases);
    expect(writing.write({ kind: 'grantLease', id: 6, ttlMs: 1_000 })).toBe('ok');
    expect(writing.write({ kind: 'revokeLease', id: 5, generation: 0 })).toBe('ok');
    expect(writing.machine.liveBytes).toBe(0);
  });

  test('there are so many at the most; one that is set can be set again', () => {
    const writing = new Writing();
    for (let at = 0; at < replicatedLimits.quotas; at++) expect(writing.write(setQuota(`${at}/`, 5))).toBe('ok');
    expect(writing.write(setQuota('more', 5))).toBe('ERR_TOO_MANY_OPS');
    expect(writing.write(setQuota('0/', 6))).toBe('ok');
    expect(writing.use('0/')).toMatchObject({ bytes: 6 });
  });
});

describe('before the log', () => {
  const full = () => {
    const writing = new Writing();
    writing.write(put('a', '12345'));
    writing.write(setQuota('', writing.machine.liveBytes));
    writing.write(setQuota('p/', 50));
    return writing;
  };
  const txn = (success: readonly KeyRequest[], failure: readonly KeyRequest[] = []): WriteRequest =>
    ({ kind: 'txn', compare: [], success, failure }) as WriteRequest;

  test.each([
    ['a new key', put('b', ''), ''],
    ['a longer value', put('a', '123456'), ''],
    ['a transaction that grows whatever its compares say', txn([put('b')], [put('c')]), ''],
  ])('%s is refused', (_, request, prefix) => {
    expect(full().machine.quotaRefusing(request)).toMatchObject({ prefix });
  });

  test.each<[string, WriteRequest]>([
    ['the same size', put('a', '54321')],
    ['a delete', { kind: 'delete', range: { start: '' }, prev: false }],
    ['a compaction', { kind: 'compact', revision: 2 }],
    ['a setting', setQuota('', 5)],
    ['a put under a condition', { ...put('b'), ifRevision: 5 } as WriteRequest],
    ['a transaction one branch of which does not grow', txn([put('b')])],
    ['one that deletes a range', txn([put('b'), { kind: 'delete', range: { start: 'a' }, prev: false }], [put('c')])],
    ['one that makes as much room', txn([put('b', '12345'), { kind: 'delete', range: keyAlone('a'), prev: false }])],
  ])('%s is left to apply', (_, request) => {
    expect(full().machine.quotaRefusing(request)).toBeUndefined();
  });

  test('a key that only a disk knows is left to apply, and the disk is not read', () => {
    const quotas = Quotas.decode(full().replica.store.checkpoint().state.quotas);
    expect(refusingQuota(put('b', ''), quotas, { peek: () => undefined })).toMatchObject({ prefix: '' });
    expect(refusingQuota(put('b', ''), quotas, { peek: () => 'on-disk' })).toBeUndefined();
  });

  test('nothing is refused that apply would take', () => {
    fc.assert(
      fc.property(fc.array(aRequest, { maxLength: 15 }), fc.integer({ min: 0, max: 1_500 }), (requests, bytes) => {
        const writing = new Writing();
        writing.write(setQuota('', bytes));
        writing.write(setQuota('a', Math.ceil(bytes / 2)));
        for (const request of requests) {
          const early = writing.machine.quotaRefusing(request);
          const late = writing.write(request);
          if (early !== undefined) expect(late).not.toBe('ok');
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('feature levels', () => {
  const raise = (members: readonly number[], level = 2): WriteRequest => ({ kind: 'raiseLevel', level, members });
  const all = [1, 2, 3, 4];

  function joined(featureLevel?: number): { readonly replica: Replica; readonly writer: LogWriter } {
    const replica = new Replica(emptyImage, featureLevel);
    const writer = new LogWriter();
    replica.apply(writer.log[0]!);
    replica.machine.applyCluster({ index: 2, term: 1 }, cluster);
    writer.append([]);
    return { replica, writer };
  }

  test('rise when all members of the moment are named, learners too, and never fall', () => {
    const { replica, writer } = joined();
    for (const named of [[], [1, 2, 3], [2, 3, 4]]) {
      replica.apply(writer.write(raise(named)));
      expect(replica.machine.featureLevel).toBe(1);
    }
    replica.apply(writer.write(raise([...all, 9])));
    expect(replica.machine.featureLevel).toBe(2);
    replica.apply(writer.write(raise(all, 1)));
    expect(replica.machine.featureLevel).toBe(2);
    expect(new Replica(replica.store.checkpoint()).machine.featureLevel).toBe(2);
  });

  test('below its level a request is bytes that nobody can read, on builds that know it and on those that do not', () => {
    const requests = [
      put('a'),
      setQuota('', 1),
      setQuota('a', 1),
      put('b'),
      { kind: 'removeQuota', prefix: 'a' } as const,
    ];
    const [older, newer] = [joined(1), joined(2)];
    for (const request of requests) {
      older.replica.apply(older.writer.write(request));
      newer.replica.apply(newer.writer.write(request));
    }
    expect(newer.replica.machine.stateHash()).toEqual(older.replica.machine.stateHash());
    expect(newer.replica.told).toEqual(older.replica.told);
    expect(newer.replica.told.map(([what, , , outcome]) => [what, (outcome as { code?: string })?.code])).toEqual([
      ['opened', undefined],
      ['settled', undefined],
      ['settled', 'ERR_CORRUPT'],
      ['settled', 'ERR_CORRUPT'],
      ['settled', undefined],
      ['settled', 'ERR_CORRUPT'],
    ]);
    expect(newer.replica.machine.quotas()).toHaveLength(1);
  });

  test('a member that knows less stops at the raise, and does not open on what lies behind it', () => {
    const { replica, writer } = joined(1);
    const entry = writer.write(raise(all));
    expect(() => replica.apply(entry)).toThrow(expect.objectContaining({ code: 'ERR_FEATURE_LEVEL', level: 2 }));
    expect(() => new Replica(level2, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_FEATURE_LEVEL', level: 2, supported: 1 }),
    );
  });

  test('a level that no build has is refused as an option', () => {
    for (const bad of [0, 3, 1.5]) {
      expect(() => new Replica(emptyImage, bad)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    }
  });
});
