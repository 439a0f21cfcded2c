// The quorum commands: what index a configuration has committed, and how it has voted.
import { jointVote, majorityIndex, majorityVote } from '../dist/core/quorum.js';
import { valuesOf } from './data-driven.mjs';

/** @typedef {import('./data-driven.mjs').Stanza} Stanza */

export const quorumCommands = ['committed', 'vote'];

const verdicts = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' };

/** @param {Stanza} stanza */
function readConfiguration(stanza) {
  const incoming = [...new Set((valuesOf(stanza, 'cfg') ?? []).map(Number))];
  const second = valuesOf(stanza, 'cfgj');
  const outgoing = second?.[0] === 'zero' ? [] : [...new Set((second ?? []).map(Number))];
  return { incoming, outgoing, joint: second !== undefined, ids: [...new Set([...incoming, ...outgoing])] };
}

/**
 * Values stand in the order of the voters of both halves, each once; "_" is none.
 * @param {number[]} ids
 * @param {string[]} values
 */
function assign(ids, values) {
  if (ids.length !== values.length) throw new Error(`${values.length} values for ${ids.length} voters`);
  return new Map(ids.flatMap((id, i) => (values[i] === '_' ? [] : [[id, values[i] ?? '']])));
}

/**
 * A chart of who is how far: the more voters are behind one, the longer its bar.
 * @param {number[]} ids
 * @param {Map<number, number>} known
 */
function chart(ids, known) {
  const size = ids.length;
  if (size === 0) return '<empty majority quorum>';
  const rows = ids.map((id) => ({ id, index: known.get(id) ?? 0, bar: 0 }));
  rows.sort((a, b) => a.index - b.index || a.id - b.id);
  rows.forEach((row, i) => {
    const before = rows[i - 1];
    row.bar = before?.index === row.index ? before.bar : i;
  });
  rows.sort((a, b) => a.id - b.id);
  const lines = rows.map(({ id, index, bar }) => {
    const mark = known.has(id) ? `${'x'.repeat(bar)}>${' '.repeat(size - bar)}` : `?${' '.repeat(size)}`;
    return `${mark} ${String(index).padStart(5)}    (id=${id})`;
  });
  return [`${' '.repeat(size)}    idx`, ...lines, ''].join('\n');
}

/** @param {number[]} voters @param {Map<number, number>} known */
function committed(voters, known) {
  return majorityIndex(
    voters.map((id) => known.get(id) ?? 0),
    voters.length,
  );
}

/** @param {number[]} voters @param {Map<number, string>} votes */
function verdict(voters, votes) {
  const count = (/** @type {string} */ vote) => voters.filter((id) => votes.get(id) === vote).length;
  return majorityVote(count('y'), count('n'), voters.length);
}

/** @param {Stanza} stanza @returns {string} */
function run(stanza) {
  const { incoming, outgoing, joint, ids } = readConfiguration(stanza);
  if (stanza.command === 'vote') {
    const votes = assign(ids, valuesOf(stanza, 'votes') ?? []);
    const both = [jointVote, (/** @type {any} */ a, /** @type {any} */ b) => jointVote(b, a)].map((combine) =>
      combine(verdict(incoming, votes), verdict(outgoing, votes)),
    );
    if (both[0] !== both[1]) throw new Error('the halves of a joint configuration are not equal');
    return verdicts[both[0] ?? 'pending'];
  }
  const known = new Map([...assign(ids, valuesOf(stanza, 'idx') ?? [])].map(([id, text]) => [id, Number(text)]));
  const index = Math.min(committed(incoming, known), committed(outgoing, known));
  return `${chart(joint ? ids : incoming, known)}${Number.isFinite(index) ? index : '∞'}`;
}

/** @returns {(stanza: Stanza) => string} */
export function quorumRunner() {
  return run;
}
