/**
 * A bug in what a `Kv` stands on, which the property test against the naive model must find, or the test `foundBy`.
 *
 * @typedef {import('./apply-change.mjs').Change & {
 *   readonly name: string;
 *   readonly file: string;
 *   readonly foundBy?: { readonly file: string; readonly title: string };
 * }} ModelMutant
 */

const mvcc = 'packages/mvcc/src/';

/** @type {readonly ModelMutant[]} */
export const modelMutants = [
  {
    name: 'the checksum of a stored record is not looked at',
    file: `${mvcc}store/record-codec.ts`,
    find: '  checkRecord(key, record);\n  return record;',
    replace: '  return record;',
    foundBy: {
      file: 'packages/mvcc/test/store/corruption.test.ts',
      title: 'a damaged bit anywhere in a stored record is found by every way of reading it',
    },
  },
  {
    name: 'what the members say of their states is not compared',
    file: 'packages/coterie/src/integrity/hash-comparison.ts',
    find: "if (first !== mine) return { kind: 'minority', index };",
    replace: '',
    foundBy: {
      file: 'packages/coterie/test/integrity/hash-comparison.test.ts',
      title: 'who differs from a majority of all voters is wrong; who agrees with one is not',
    },
  },
  {
    name: 'a new key says that it was created a revision earlier',
    file: `${mvcc}txn/record.ts`,
    find: 'createRevision: before === undefined ? revision : before.createRevision',
    replace: 'createRevision: before === undefined ? revision - 1 : before.createRevision',
  },
  {
    name: 'a compare of the value of a missing key holds for !=',
    file: `${mvcc}txn/compare.ts`,
    find: 'return record !== undefined && signHolds(comparison.sign, Buffer.compare(record.value, comparison.operand));',
    replace:
      "return record === undefined ? comparison.sign === '!=' : signHolds(comparison.sign, Buffer.compare(record.value, comparison.operand));",
  },
  {
    name: 'a compare of a range looks at its first key alone',
    file: `${mvcc}txn/compare.ts`,
    find: 'for (const { record } of records) if (!recordHolds(comparison, record)) return false;',
    replace: 'for (const { record } of records.slice(0, 1)) if (!recordHolds(comparison, record)) return false;',
  },
  {
    name: 'a failure branch decides its nested txns by the success branch',
    file: `${mvcc}txn/txn-run.ts`,
    find: 'return { succeeded, nested };',
    replace: 'return { succeeded, nested: nested.map((each) => (succeeded ? each : { ...each, succeeded: true })) };',
  },
  {
    name: 'a range of a txn does not see what the txn deleted',
    file: `${mvcc}txn/overlay.ts`,
    find: '.filter(({ key }) => !this.#changes.has(key));',
    replace: '.filter(({ key }) => this.#changes.get(key)?.after === undefined);',
  },
  {
    name: 'a range of a txn is one short when it deleted from it before',
    file: `${mvcc}txn/overlay.ts`,
    find: 'this.#state.scan(range, limit + deleted)',
    replace: 'this.#state.scan(range, limit)',
  },
  {
    name: 'a txn that reads names the new revision before it has written',
    file: `${mvcc}txn/overlay.ts`,
    find: 'return this.#state.revision + (this.changed ? 1 : 0);',
    replace: 'return this.#state.revision + 1;',
  },
  {
    name: 'ifRevision takes the revision at which the key was created',
    file: `${mvcc}txn/executor.ts`,
    find: "if (ifRevision !== undefined && ifRevision !== (before?.modRevision ?? 0)) return missed('put'",
    replace: "if (ifRevision !== undefined && ifRevision !== (before?.createRevision ?? 0)) return missed('put'",
  },
  {
    name: 'an addition may reach one beyond its upper bound',
    file: `${mvcc}txn/counter.ts`,
    find: 'sum > operation.max',
    replace: 'sum > operation.max + 1',
  },
  {
    name: 'a compaction of the compact revision is taken again',
    file: `${mvcc}txn/executor.ts`,
    find: 'if (revision <= state.compactRevision)',
    replace: 'if (revision < state.compactRevision)',
  },
  {
    name: 'the compact revision itself cannot be read',
    file: `${mvcc}read/reads.ts`,
    find: 'if (revision < compactRevision) {',
    replace: 'if (revision <= compactRevision) {',
  },
  {
    name: 'a range says that there is more when it ends at its limit',
    file: `${mvcc}read/reads.ts`,
    find: 'if (limit > 0 && entries.length >= limit) return { entries, more: true };',
    replace: 'if (limit > 0 && entries.length >= limit - 1 && entries.length > 0) return { entries, more: true };',
  },
  {
    name: 'a prefix that ends in 0xff has no end',
    file: `${mvcc}kv/key-range.ts`,
    find: 'while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length--;',
    replace: 'if (prefix.charCodeAt(length - 1) === 0xff) length = 0;',
  },
  {
    name: 'two puts of one key in nested txns are let through',
    file: `${mvcc}command/check-request.ts`,
    find: 'for (const key of b.puts) if (a.puts.has(key)) return true;',
    replace: '',
  },
  {
    name: 'a put and a delete that meet are let through',
    file: `${mvcc}command/check-request.ts`,
    find: 'return meets(a.puts, b.deletes) || meets(b.puts, a.deletes);',
    replace: 'return meets(b.puts, a.deletes);',
  },
  {
    name: 'a compaction loses the changes of its own revision to watches',
    file: `${mvcc}watch/catch-up.ts`,
    find: 'if (from < compactRevision) {',
    replace: 'if (from <= compactRevision) {',
  },
  {
    name: 'events give the previous entry unasked',
    file: `${mvcc}watch/watch-events.ts`,
    find: 'const prev = withPrev && before !== undefined',
    replace: 'const prev = before !== undefined',
  },
  {
    name: 'a watch of deletes hears of puts',
    file: `${mvcc}watch/watch-events.ts`,
    find: "return only === undefined || (event.after === undefined ? 'delete' : 'put') === only;",
    replace: "return only !== 'put' || event.after !== undefined;",
  },
];
