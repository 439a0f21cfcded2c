import { CoterieError } from '@coterie/errors';
import type { WriteRequest } from '../command/operation.js';
import type { GetRequest, IterateRequest, RangeRequest, ReadRequest, WatchRequest } from '../engine/engine.js';
import { choice, flag, integer, invalid, isPlainObject, kindOf, optionalInteger, options } from './arguments.js';
import { mergeRanges } from './key-range.js';
import type { GetOptions, PutOptions, RangeOptions } from './kv.js';
import { checkLeaseRequest } from '../command/check-lease.js';
import { leaseChoice, type NewLeaseOptions } from './lease.js';
import { tooLarge, type ViewCodec } from './view-codec.js';
import type { WatchOptions } from './watch.js';

/**
 * Checked and encoded: what goes to the engine. All of these throw CoterieError ERR_INVALID_ARGUMENT or ERR_TOO_LARGE.
 */

const latest: ReadRequest = Object.freeze({ consistency: 'linearizable' });

export function putRequest(
  codec: ViewCodec,
  key: unknown,
  value: unknown,
  given: PutOptions | undefined,
): WriteRequest {
  const binary = codec.key(key, 'key');
  const bytes = codec.value(value, 'value');
  const opts = options(given);
  if (opts === undefined) return { kind: 'put', key: binary, value: bytes, prev: false };
  const lease = leaseChoice(opts);
  const prev = flag(opts.prev, 'prev');
  const ifRevision = optionalInteger(opts.ifRevision, 'ifRevision', 0);
  return ifRevision === undefined
    ? { kind: 'put', key: binary, value: bytes, prev, ...lease }
    : { kind: 'put', key: binary, value: bytes, prev, ifRevision, ...lease };
}

/** How a lease is to be made. */
export function grantOf(given: NewLeaseOptions): { id: number; ttlMs: number; keepAlive: boolean } {
  const opts = options(given);
  const ttlMs = integer(opts?.ttlMs, 'ttlMs', 1);
  const id = optionalInteger(opts?.id, 'id', 1) ?? 0;
  const keepAlive = opts?.keepAlive === undefined || flag(opts.keepAlive, 'keepAlive');
  checkLeaseRequest({ kind: 'grantLease', id, ttlMs });
  return { id, ttlMs, keepAlive };
}

export function deleteRequest(
  codec: ViewCodec,
  what: unknown,
  given: { prev?: boolean | undefined; ifRevision?: number | undefined } | undefined,
): WriteRequest {
  const ranged = isPlainObject(what);
  const range = codec.target(what, ranged ? 'range' : 'key');
  const opts = options(given);
  const prev = flag(opts?.prev, 'prev');
  const ifRevision = optionalInteger(opts?.ifRevision, 'ifRevision', 0);
  if (ifRevision === undefined) return { kind: 'delete', range, prev };
  if (ranged) throw invalid('ifRevision', 'is of one key and does not go with a range');
  return { kind: 'delete', range, prev, ifRevision };
}

export function compactRequest(revision: number, given: { physical?: boolean | undefined } | undefined): WriteRequest {
  const checked = integer(revision, 'revision', 1);
  const physical = flag(options(given)?.physical, 'physical');
  return physical ? { kind: 'compact', revision: checked, physical } : { kind: 'compact', revision: checked };
}

function readRequest(opts: GetOptions | undefined): ReadRequest {
  if (opts === undefined) return latest;
  const consistency = choice(opts.consistency, ['linearizable', 'serializable', 'lease'], 'consistency');
  const revision = optionalInteger(opts.revision, 'revision', 1);
  const minRevision = optionalInteger(opts.minRevision, 'minRevision', 0);
  return {
    consistency: consistency ?? 'linearizable',
    ...(revision === undefined ? {} : { revision }),
    ...(minRevision === undefined ? {} : { minRevision }),
  };
}

export function getRequest(codec: ViewCodec, key: unknown, given: GetOptions | undefined): GetRequest {
  const binary = codec.key(key, 'key');
  if (given === undefined) return { consistency: 'linearizable', key: binary };
  return { ...readRequest(options(given)), key: binary };
}

export function rangeRequest(codec: ViewCodec, range: unknown, given: RangeOptions | undefined): RangeRequest {
  const keys = codec.range(range, 'range');
  const opts = options(given);
  return {
    ...readRequest(opts),
    range: keys,
    limit: optionalInteger(opts?.limit, 'limit', 1) ?? 0,
    reverse: flag(opts?.reverse, 'reverse'),
    keysOnly: flag(opts?.keysOnly, 'keysOnly'),
    countOnly: flag(opts?.countOnly, 'countOnly'),
  };
}

export function iterateRequest(
  codec: ViewCodec,
  range: unknown,
  given: { revision?: number | undefined; reverse?: boolean | undefined } | undefined,
): IterateRequest {
  const keys = codec.range(range, 'range');
  const opts = options(given);
  const reverse = flag(opts?.reverse, 'reverse');
  const revision = optionalInteger(opts?.revision, 'revision', 1);
  return revision === undefined ? { range: keys, reverse } : { range: keys, reverse, revision };
}

function watchTargets(codec: ViewCodec, what: unknown): WatchRequest['ranges'] {
  if (!isPlainObject(what)) return [codec.target(what, 'key')];
  if (!('anyOf' in what)) return [codec.range(what, 'range')];
  const { anyOf, ...rest } = what;
  const stray = Object.keys(rest)[0];
  if (stray !== undefined) throw invalid(stray, 'does not go with anyOf');
  if (!Array.isArray(anyOf)) throw invalid('anyOf', `must be an array, not ${kindOf(anyOf)}`);
  if (anyOf.length === 0) throw invalid('anyOf', 'must not be empty');
  const { watchRanges } = codec.limits;
  if (anyOf.length > watchRanges) throw tooLarge(`anyOf has ${anyOf.length} elements`, 'watchRanges', watchRanges);
  return mergeRanges(anyOf.map((each: unknown, i) => codec.target(each, `anyOf[${i}]`)));
}

export function watchRequest(codec: ViewCodec, what: unknown, given: WatchOptions | undefined): WatchRequest {
  const ranges = watchTargets(codec, what);
  const opts = options(given);
  const from = optionalInteger(opts?.fromRevision, 'fromRevision', 0);
  const initial = flag(opts?.initial, 'initial');
  if (initial && from !== undefined)
    throw invalid('initial', 'does not go with fromRevision: it begins with the present state');
  const only = choice(opts?.only, ['put', 'delete'], 'only');
  return {
    ranges,
    // There is no revision 0 to hand out; "everything after nothing" begins at 1.
    ...(from === undefined ? {} : { fromRevision: Math.max(from, 1) }),
    prev: flag(opts?.prev, 'prev'),
    ...(only === undefined ? {} : { only }),
    initial,
    progress: flag(opts?.progress, 'progress'),
    overflow: choice(opts?.overflow, ['resume', 'error'], 'overflow') ?? 'resume',
  };
}

/** A write that failed before it was sent says so. */
export function notSent(error: unknown): unknown {
  return withOutcome(error, 'not-applied');
}

/** A write that was applied and whose result cannot be read (`ERR_DECODING` of a previous value). */
export function unreadable(error: unknown): unknown {
  return withOutcome(error, 'applied');
}

function withOutcome(error: unknown, outcome: 'not-applied' | 'applied'): unknown {
  // The error was made for this call a moment ago and nobody has seen it yet.
  if (error instanceof CoterieError && error.outcome === undefined) {
    Object.defineProperty(error, 'outcome', { value: outcome, enumerable: true, configurable: true, writable: true });
  }
  return error;
}
