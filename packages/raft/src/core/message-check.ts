import { leaderPriorityMax } from './config.js';
import type { Entry, Index, Message, Term } from './messages.js';

/** No term is beyond this: a peer with a broken counter must not use up the terms of a whole cluster. */
const termMax = 2 ** 48;

function isIndex(value: unknown): value is Index {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTerm(value: unknown): value is Term {
  return isIndex(value) && value <= termMax;
}

function isPriority(value: number): boolean {
  return isIndex(value) && value <= leaderPriorityMax;
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Entry | null | undefined;
  if (typeof entry !== 'object' || entry === null) return false;
  if (entry.kind !== 'normal' && entry.kind !== 'conf' && entry.kind !== 'empty') return false;
  return entry.data instanceof Uint8Array;
}

/**
 * Entries that follow (index, term) without a gap, with terms that never fall and never exceed the sender's (LogCabin
 * #160).
 */
function follow(entries: unknown, index: Index, term: Term, maxTerm: Term): boolean {
  if (!Array.isArray(entries)) return false;
  let last = term;
  for (let i = 0; i < entries.length; i++) {
    const entry: unknown = entries[i];
    if (!isEntry(entry) || entry.index !== index + 1 + i || !isTerm(entry.term)) return false;
    if (entry.term < last || entry.term > maxTerm) return false;
    last = entry.term;
  }
  return true;
}

/**
 * Whether a message that came from outside is one that a correct peer can send. Anything else is dropped, and never
 * throws.
 */
export function isWellFormed(message: Message): boolean {
  if (!isTerm(message.term) || !Number.isSafeInteger(message.from) || message.from <= 0) return false;
  switch (message.type) {
    case 'append':
      return (
        isIndex(message.prevIndex) &&
        isTerm(message.prevTerm) &&
        isIndex(message.commit) &&
        follow(message.entries, message.prevIndex, message.prevTerm, message.term)
      );
    case 'appendResponse':
      return (
        isIndex(message.index) &&
        typeof message.reject === 'boolean' &&
        (message.rejectHint === undefined || isIndex(message.rejectHint)) &&
        (message.logTerm === undefined || isTerm(message.logTerm))
      );
    case 'heartbeat':
      return isIndex(message.commit) && isIndex(message.context);
    case 'heartbeatResponse':
      return (
        isIndex(message.context) &&
        (message.promiseMs === undefined || isIndex(message.promiseMs)) &&
        (message.priority === undefined || isPriority(message.priority))
      );
    case 'readIndex':
      return isIndex(message.context);
    case 'readIndexResponse':
      return isIndex(message.context) && (message.index === undefined || isIndex(message.index));
    case 'vote':
    case 'preVote':
      return isIndex(message.lastIndex) && isTerm(message.lastTerm);
    case 'voteResponse':
    case 'preVoteResponse':
      return typeof message.reject === 'boolean';
    case 'propose':
      return Array.isArray(message.entries) && message.entries.length > 0 && message.entries.every(isEntry);
    case 'transferLeader':
      return isIndex(message.target);
    case 'timeoutNow':
      return true;
    default:
      return false;
  }
}
