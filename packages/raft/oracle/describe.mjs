// How etcd's tests print what they see: messages, entries, configurations, progress.
import { TextDecoder } from 'node:util';
import { decodeConfChange } from '../dist/core/conf-change.js';

/**
 * @typedef {import('../dist/core/ready.js').ConfChangeStep} Step
 * @typedef {import('../dist/core/messages.js').Entry} Entry
 * @typedef {import('../dist/core/messages.js').ConfState} ConfState
 */

/** @type {Record<string, Step['op']>} */
const ops = { v: 'addVoter', l: 'addLearner', r: 'remove' };
const letters = { addVoter: 'v', addLearner: 'l', remove: 'r' };

/** In the context of a change: it was proposed in the older of etcd's two formats, which is printed differently. */
export const oldFormat = Uint8Array.of(1);

/**
 * "v1 l2 r3"; "u4" updates what the application knows of a member, and is nothing to us.
 * @param {string} text
 * @returns {Step[]}
 */
export function parseSteps(text) {
  return text
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('u'))
    .map((word) => ({ op: ops[word.charAt(0)] ?? fail(`no such step: ${word}`), id: Number(word.slice(1)) }));
}

/** @param {string} why @returns {never} */
function fail(why) {
  throw new Error(why);
}

const list = (/** @type {readonly number[]} */ ids) => `(${ids.join(' ')})`;

/** @param {ConfState} conf */
export function describeConf(conf) {
  let text = `voters=${list(conf.voters)}`;
  if (conf.votersOutgoing.length > 0) text += `&&${list(conf.votersOutgoing)}`;
  if (conf.learners.length > 0) text += ` learners=${list(conf.learners)}`;
  if (conf.learnersNext.length > 0) text += ` learners_next=${list(conf.learnersNext)}`;
  return conf.autoLeave ? `${text} autoleave` : text;
}

/** @param {import('../dist/core/ready.js').ProgressStatus} p */
export function describeProgress(p) {
  const state = `State${p.state.charAt(0).toUpperCase()}${p.state.slice(1)}`;
  let text = `${p.id}: ${state} match=${p.match} next=${p.next}`;
  if (p.learner) text += ' learner';
  if (p.paused) text += ' paused';
  if (p.pendingSnapshot > 0) text += ` pendingSnap=${p.pendingSnapshot}`;
  if (!p.recentActive) text += ' inactive';
  if (p.inflightMessages > 0) text += ` inflight=${p.inflightMessages}${p.inflightFull ? '[full]' : ''}`;
  return text;
}

const decoder = new TextDecoder();

/** @param {Entry} entry */
export function describeEntry({ term, index, kind, data }) {
  if (kind !== 'conf') return `${term}/${index} EntryNormal ${JSON.stringify(decoder.decode(data))}`;
  const { change, context } = decodeConfChange(data);
  const type = context.length === oldFormat.length ? 'EntryConfChange' : 'EntryConfChangeV2';
  return [`${term}/${index} ${type}`, ...change.steps.map(({ op, id }) => `${letters[op]}${id}`)].join(' ');
}

/** @param {{ index: number, term: number, conf: ConfState }} snapshot */
export function describeSnapshot({ index, term, conf }) {
  const ids = (/** @type {readonly number[]} */ each) => `[${each.join(' ')}]`;
  const half = `Voters:${ids(conf.voters)} VotersOutgoing:${ids(conf.votersOutgoing)}`;
  const learners = `Learners:${ids(conf.learners)} LearnersNext:${ids(conf.learnersNext)}`;
  return `Index:${index} Term:${term} ConfState:${half} ${learners} AutoLeave:${conf.autoLeave}`;
}

/** @param {{ term: number, vote: number, commit: number }} hardState */
export function describeHardState({ term, vote, commit }) {
  return `Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

/**
 * A message as etcd has it: every kind with the same fields, local ones included.
 *
 * @typedef {object} Picture
 * @property {string} type
 * @property {number | string} from a member's id, or the name of a thread
 * @property {number | string} to
 * @property {number} [term]
 * @property {number} [logTerm]
 * @property {number} [index]
 * @property {boolean} [reject]
 * @property {number} [rejectHint]
 * @property {number} [commit]
 * @property {number} [vote]
 * @property {readonly Entry[]} [entries]
 * @property {{ index: number, term: number, conf: ConfState }} [snapshot]
 * @property {readonly Picture[]} [responses]
 */

/** @param {Picture} m @param {string} indent @returns {string} */
export function describePicture(m, indent = '') {
  let text = `${indent}${m.from}->${m.to} ${m.type} Term:${m.term ?? 0} Log:${m.logTerm ?? 0}/${m.index ?? 0}`;
  if (m.reject === true) text += ` Rejected (Hint: ${m.rejectHint ?? 0})`;
  if ((m.commit ?? 0) !== 0) text += ` Commit:${m.commit}`;
  if ((m.vote ?? 0) !== 0) text += ` Vote:${m.vote}`;
  const entries = m.entries ?? [];
  if (entries.length === 1) text += ` Entries:[${entries.map(describeEntry).join('')}]`;
  else if (entries.length > 1) {
    text += ` Entries:[${entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join('')}\n${indent}]`;
  }
  if (m.snapshot !== undefined) text += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`;
  const responses = m.responses ?? [];
  if (responses.length > 0) {
    text += ` Responses:[${responses.map((each) => `\n${describePicture(each, `${indent}  `)}`).join('')}\n${indent}]`;
  }
  return text;
}

/** @param {import('../dist/core/messages.js').Message} m @returns {Picture} */
export function pictureOf(m) {
  const head = { from: m.from, to: m.to, term: m.term };
  switch (m.type) {
    case 'append':
      return { ...head, type: 'MsgApp', logTerm: m.prevTerm, index: m.prevIndex, commit: m.commit, entries: m.entries };
    case 'appendResponse':
      return {
        ...head,
        type: 'MsgAppResp',
        logTerm: m.logTerm ?? 0,
        index: m.index,
        reject: m.reject,
        rejectHint: m.rejectHint ?? 0,
      };
    case 'heartbeat':
      return { ...head, type: 'MsgHeartbeat', commit: m.commit };
    case 'heartbeatResponse':
      return { ...head, type: 'MsgHeartbeatResp' };
    case 'vote':
      return { ...head, type: 'MsgVote', logTerm: m.lastTerm, index: m.lastIndex };
    case 'preVote':
      return { ...head, type: 'MsgPreVote', logTerm: m.lastTerm, index: m.lastIndex };
    case 'voteResponse':
      return { ...head, type: 'MsgVoteResp', reject: m.reject };
    case 'preVoteResponse':
      return { ...head, type: 'MsgPreVoteResp', reject: m.reject };
    case 'propose':
      return { ...head, type: 'MsgProp', term: 0, entries: m.entries };
    case 'timeoutNow':
      return { ...head, type: 'MsgTimeoutNow' };
    case 'readIndex':
      return { ...head, type: 'MsgReadIndex', term: 0 };
    case 'readIndexResponse':
      return { ...head, type: 'MsgReadIndexResp', index: m.index ?? 0 };
    default:
      return fail('no such message');
  }
}
