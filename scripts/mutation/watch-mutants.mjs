/** @typedef {import('./simulator-mutants.mjs').Mutant} Mutant */

/** @param {string} file @returns {string} */
const mvcc = (file) => `packages/mvcc/src/${file}.ts`;

/** Clients without rest, nothing that fails, tiny budgets: what watches do by themselves. */
const watching = {
  simulatedMs: 12_000,
  paceMs: 20,
  clients: 6,
  members: 3,
  lateMembers: 0,
  families: [],
  watchBytes: 256,
};

/** What watches promise. @type {readonly Mutant[]} */
export const watches = [
  {
    name: 'watch-of-everything',
    file: mvcc('watch/fan-out'),
    find: 'if (passes(shared.event(at), only)) events.push(shared.raw(at, prev));',
    replace: 'events.push(shared.raw(at, prev));',
    why: 'a watch of puts alone is told of deletes',
    world: watching,
  },
  {
    name: 'watch-without-last-entry',
    file: mvcc('watch/watch-events'),
    find: 'withPrev && before !== undefined ?',
    replace: 'withPrev && before !== undefined && after !== undefined ?',
    why: 'a delete does not show what was there before',
    world: watching,
  },
  {
    name: 'watch-repeats-overlap',
    file: mvcc('watch/fan-out'),
    find: '[...new Set(parts.flat())]',
    replace: 'parts.flat()',
    why: 'an event that two ranges of a watch hold comes twice',
    world: watching,
  },
  {
    name: 'watch-overflow-skips',
    file: mvcc('watch/watch'),
    find: '      this.#fallBehind(revision);\n',
    replace: '      this.#fallBehind(revision + 1);\n',
    why: 'a slow watch goes on behind the revision that it had no room for',
    world: watching,
  },
  {
    name: 'watch-overflow-too-late',
    file: mvcc('watch/watch'),
    find: 'message, revision: revision - 1 }',
    replace: 'message, revision }',
    why: 'a watch that overflowed names a revision that it has not handed out',
    world: watching,
  },
  {
    name: 'watch-bookmark-ahead',
    file: mvcc('watch/watch-hub'),
    find: '      watch.progress(revision);\n',
    replace: '      watch.progress(revision + 1);\n',
    why: 'a bookmark promises a revision that has not been offered',
    world: watching,
  },
  {
    name: 'watch-live-too-early',
    file: mvcc('watch/watch'),
    find: 'if (this.#initial === undefined && this.#next > this.#source.offering) this.#goLive();',
    replace: 'if (this.#initial === undefined && this.#next >= this.#source.offering) this.#goLive();',
    why: 'a watch that caught up joins the live ones with one revision still to read',
    world: watching,
  },
  {
    name: 'watch-initial-gap',
    file: mvcc('watch/watch-hub'),
    find: 'initial.revision + 1;',
    replace: 'initial.revision + 2;',
    why: 'the first change after an initial state is not told',
    world: watching,
  },
];
