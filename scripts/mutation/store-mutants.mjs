/** @typedef {import('./simulator-mutants.mjs').Mutant} Mutant */

/** @param {string} file @returns {string} */
const mvcc = (file) => `packages/mvcc/src/${file}.ts`;

/** Many checkpoints. */
const writing = { checkpointBytes: 4 * 1024, paceMs: 10, clients: 6 };
/** Few: keys go and come back between two of them. */
const gathering = { checkpointBytes: 256 * 1024, paceMs: 10, clients: 6 };

/** What the store keeps in memory. @type {readonly Mutant[]} */
export const stores = [
  {
    name: 'recent-changes-overwritten',
    file: mvcc('store/recent-changes'),
    find: '    for (const space of spacesOf(this.#runs)) unused.delete(space);\n',
    replace: '',
    why: 'memory is written again while recent changes stand in it that history has still to write',
    world: writing,
  },
  {
    name: 'evicted-passes-for-absent',
    file: mvcc('store/record-cache'),
    find: '        this.#live -= liveKeys(entry.record);\n',
    replace: '',
    why: 'a cache that has let go of keys is taken for one that knows them all',
    world: writing,
  },
  {
    name: 'created-again-not-indexed',
    file: mvcc('store/memtable'),
    find: 'if (!existed) this.#created.add(key);',
    replace: 'if (previous === undefined && !existed) this.#created.add(key);',
    why: 'a scan does not find a key that was deleted and created again since the checkpoint',
    world: gathering,
  },
];
