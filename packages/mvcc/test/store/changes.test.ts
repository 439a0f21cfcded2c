import { expect, test } from 'vitest';
import { initialState } from '../../src/store/checkpoint-record.js';
import { tinyLimits, World } from './fixture.js';

test('a reader that begins at the revision of a new store, which nobody made, is told to go on behind it', async () => {
  const store = await new World(1).open(tinyLimits, 0);
  const next = await new Promise<number>((resolve, reject) => {
    store.changes(initialState.revision, 700, (error, changes, from) => {
      expect(changes).toEqual([]);
      if (error === undefined) resolve(from);
      else reject(error);
    });
  });
  expect(next).toBe(initialState.revision + 1);
});
