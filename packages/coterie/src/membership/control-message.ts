import type { Founder } from '../data-dir/identity.js';

/** How far a peer is: nobody yet, bound to a cluster to come, or a member. */
export type EnrolmentState = 'empty' | 'promised' | 'member';

interface Sender {
  readonly name: string;
  readonly incarnation: string;
  readonly state: EnrolmentState;
  readonly uid?: number;
  /** The sender's static list, sorted: a different list is refused. */
  readonly names: readonly string[];
  /** The highest feature level that the sender's build knows; one that does not say knows the first. */
  readonly supports?: number;
}

/** A voter or learner as a member reports it. */
export interface ReportedMember {
  readonly id: number;
  readonly name: string;
  readonly incarnation: string;
  readonly voter: boolean;
}

/**
 * What peers say to each other before, and beside, raft. `to` is the incarnation that is meant: a word that comes late
 * must not bind a later one of the same name.
 *
 * Rare and small, hence JSON.
 */
export type ControlMessage = Sender &
  (
    | { readonly type: 'who' }
    | {
        readonly type: 'iam';
        readonly memberId?: number;
        readonly founders?: readonly Founder[];
        readonly members?: readonly ReportedMember[];
        readonly appliedIndex?: number;
        readonly leader?: string;
        /** The level in force, as far as a member has applied. */
        readonly featureLevel?: number;
        readonly url: string;
      }
    | { readonly type: 'promise'; readonly to: string; readonly promiseUid: number }
    | { readonly type: 'join'; readonly url: string }
    | { readonly type: 'joined'; readonly to: string; readonly memberId: number; readonly founders: readonly Founder[] }
    | { readonly type: 'refused'; readonly to: string; readonly reason: string }
    /** To a leader: the sender has lost its state, and its log goes on from this index. */
    | { readonly type: 'rebuild'; readonly memberId: number; readonly minIndex: number }
    /** The sender's state hashes, made in a certain way. */
    | {
        readonly type: 'hashes';
        readonly memberId: number;
        readonly format: number;
        readonly hashes: readonly HashTriple[];
      }
  );

/** A state hash on its way: the index, the chain up to it, and the sum over the records there. */
export type HashTriple = readonly [index: number, chain: number, content: number];

/** The way in which this build makes state hashes: only equal ones are compared. */
export const hashFormat = 1;

/** A member keeps no more hashes. */
const hashesMax = 16;

/** A control message is never larger; longer bytes are dropped unread. */
const controlBytesMax = 64 * 1024;

export function encodeControl(message: ControlMessage): Uint8Array {
  return Buffer.from(JSON.stringify(message), 'utf8');
}

const types = new Set(['who', 'iam', 'promise', 'join', 'joined', 'refused', 'rebuild', 'hashes']);
const addressed = new Set(['promise', 'joined', 'refused']);
const states = new Set(['empty', 'promised', 'member']);

/** Whatever the bytes: a message of the right shape, or undefined. */
export function decodeControl(bytes: Uint8Array): ControlMessage | undefined {
  if (bytes.length > controlBytesMax) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const m = value as Record<string, unknown>;
  const shaped =
    types.has(m['type'] as string) &&
    states.has(m['state'] as string) &&
    typeof m['name'] === 'string' &&
    typeof m['incarnation'] === 'string' &&
    isNames(m['names']) &&
    isOptionalNumber(m['uid']) &&
    isOptionalNumber(m['memberId']) &&
    isOptionalNumber(m['supports']) &&
    isOptionalNumber(m['featureLevel']) &&
    (!addressed.has(m['type'] as string) || typeof m['to'] === 'string') &&
    (m['type'] !== 'promise' || isNumber(m['promiseUid'])) &&
    (m['type'] !== 'join' || typeof m['url'] === 'string') &&
    (m['type'] !== 'joined' || (isNumber(m['memberId']) && isFounders(m['founders']))) &&
    (m['type'] !== 'rebuild' || (isNumber(m['memberId']) && isNumber(m['minIndex']))) &&
    (m['type'] !== 'hashes' || (isNumber(m['memberId']) && isNumber(m['format']) && isHashes(m['hashes']))) &&
    (m['founders'] === undefined || isFounders(m['founders'])) &&
    (m['members'] === undefined || isMembers(m['members']));
  return shaped ? (value as ControlMessage) : undefined;
}

function isNumber(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isOptionalNumber(value: unknown): boolean {
  return value === undefined || isNumber(value);
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string');
}

function isHashes(value: unknown): boolean {
  const isTriple = (hash: unknown): boolean => Array.isArray(hash) && hash.length === 3 && hash.every(isNumber);
  return Array.isArray(value) && value.length <= hashesMax && value.every(isTriple);
}

function isFounders(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (f: Partial<Founder> | null) =>
        typeof f?.name === 'string' && typeof f.url === 'string' && typeof f.incarnation === 'string',
    )
  );
}

function isMembers(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (m: Partial<ReportedMember> | null) =>
        isNumber(m?.id) &&
        typeof m?.name === 'string' &&
        typeof m.incarnation === 'string' &&
        typeof m.voter === 'boolean',
    )
  );
}
