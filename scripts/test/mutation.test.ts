import { describe, expect, it } from 'vitest';
import { applyChange } from '../mutation/apply-change.mjs';
import { coverageRows, selectRows } from '../mutation/coverage-table.mjs';

describe('a change', () => {
  it('is made in the one place where its text stands', () => {
    expect(applyChange('a < b; c', { find: 'a < b', replace: 'a <= $& b' }, 'x.ts')).toBe('a <= $& b; c');
  });

  it.each([
    ['nowhere', { find: 'z', replace: 'y' }, /x\.ts: `z` occurs 0 times/],
    ['twice', { find: 'a', replace: 'y' }, /x\.ts: `a` occurs 2 times/],
    ['that is empty', { find: '', replace: 'y' }, /empty/],
    ['that changes nothing', { find: 'b', replace: 'b' }, /by itself/],
  ])('of a text %s is refused', (_, change, message) => {
    expect(() => applyChange('a b a', change, 'x.ts')).toThrow(message);
  });
});

describe('the table of coverage', () => {
  const row = (cells: string): string => `| # | scenario | test | change |\n| --- | --- | --- | --- |\n${cells}\n`;
  const read = (cells: string) => coverageRows(row(cells), 'packages/raft/test')[0];

  it('names tests and a change', () => {
    const cells =
      '| b7 | said shortly | `core/a.test.ts` › one \\| two<br>`packages/mvcc/test/b.test.ts` › block › three | `packages/raft/src/x.ts`: `a \\|\\| b` → `` `${a}` `` |';
    expect(read(cells)).toEqual({
      id: 'b7',
      line: 3,
      tests: [
        { file: 'packages/raft/test/core/a.test.ts', title: 'one | two' },
        { file: 'packages/mvcc/test/b.test.ts', title: 'block › three' },
      ],
      changes: [{ file: 'packages/raft/src/x.ts', find: 'a || b', replace: '`${a}`' }],
      faults: [],
    });
  });

  it.each([
    ['an empty row', '| 1 | | | |', ['no scenario', 'no test', 'no change']],
    ['a test without a title', '| 1 | x | `a.test.ts` | `x.ts`: `a` → `b` |', [/^not of the form .*title/]],
    ['a change without a new text', '| 1 | x | `a.test.ts` › t | `x.ts`: `a` |', [/^not of the form .*old/]],
    ['a bar that splits a cell', '| 1 | x | `a.test.ts` › t | `x.ts`: `a | b` → `c` |', [/^has 5 cells/, /^not of/]],
  ])('tells %s', (_, cells, faults) => {
    expect(read(cells)?.faults).toEqual(
      faults.map((fault) => (typeof fault === 'string' ? fault : expect.stringMatching(fault))),
    );
  });

  it('gives the rows that are asked for', () => {
    const rows = coverageRows('| 1 | | | |\n| 2 | | | |\n| 12 | | | |\n| b2 | | | |\n| b3 | | | |', '');
    const ids = (selection: string): string[] => selectRows(rows, selection).map(({ id }) => id);
    expect(ids('1-2,b3')).toEqual(['1', '2', 'b3']);
    expect(ids('b1-9')).toEqual(['b2', 'b3']);
    expect(() => ids('b7')).toThrow('no row b7');
    expect(() => ids('x')).toThrow('no row x');
  });
});
