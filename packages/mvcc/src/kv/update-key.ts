import { CoterieError, invariant } from '@coterie/errors';
import type { RawEntry, WriteRequest, WriteResult } from '../command/operation.js';
import type { CallControl, KvEngine } from '../engine/engine.js';
import type { BinaryKey } from '../store/types.js';
import { invalid } from './arguments.js';
import { throwIfAborted } from './call-control.js';
import type { Entry } from './entry.js';
import type { Updated } from './kv.js';
import type { Pacer } from './pacing.js';
import { notSent } from './requests.js';
import type { ViewCodec } from './view-codec.js';

const firstPauseMs = 2;
const longestPauseMs = 200;

/** What an update needs of its store. */
export interface UpdateContext {
  readonly engine: KvEngine;
  readonly pacer: Pacer;
  readonly codec: ViewCodec;
  /** From 0 on, below 1. */
  readonly random: () => number;
}
export interface UpdateCall {
  readonly key: BinaryKey;
  readonly fn: (value: unknown, entry: Entry<unknown, unknown> | undefined) => unknown;
  readonly attempts: number;
  /** What the put says of leases. */
  readonly lease: { readonly lease?: number | 'keep'; readonly ttlMs?: number } | undefined;
  readonly control: CallControl;
}
interface Seen {
  readonly revision: number;
  readonly entry?: RawEntry | undefined;
}

/**
 * Reads, computes, writes if nothing came in between, again if something did.
 *
 * Safe with an unknown outcome because it is not tried again then: the next read could see this update's own write, and
 * `fn` would run on top of it.
 */
export async function updateKey(context: UpdateContext, call: UpdateCall): Promise<Updated<unknown>> {
  const { engine, codec, pacer } = context;
  const { key } = call;
  const left = deadline(call.control, pacer);
  let seen = await read(context, key, left);
  for (let attempt = 1; ; attempt++) {
    const entry = seen.entry === undefined ? undefined : decode(codec, seen.entry);
    const value: unknown = call.fn(entry?.value, entry);
    if (value === undefined) return { revision: seen.revision, value: entry?.value, changed: false };
    const result = await engine.write(putOf(call, encode(codec, value), entry?.modRevision ?? 0), left());
    invariant(result.kind === 'put', 'the engine answers the operation that it was given', { got: result.kind });
    if (result.ok) return { revision: result.revision, value, changed: true };
    if (attempt >= call.attempts) throw conflict(call.attempts);
    seen = await afterMiss(context, call, attempt, result, left);
  }
}

function putOf({ key, lease }: UpdateCall, value: Uint8Array, ifRevision: number): WriteRequest {
  return { kind: 'put', key, value, prev: false, ifRevision, ...lease };
}

/**
 * Waits a while and reads again. The refusal has the entry that was in the way, but after a pause that is old: writing
 * on it would only miss again where many compete. The first miss goes on from it at once.
 */
async function afterMiss(
  context: UpdateContext,
  { key, control }: UpdateCall,
  attempt: number,
  refusal: Extract<WriteResult, { ok: false; kind: 'put' | 'delete' }>,
  left: () => CallControl,
): Promise<Seen> {
  if (attempt === 1) return { revision: refusal.revision, entry: refusal.current };
  const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 2));
  await context.pacer.sleep(ceiling * context.random(), control.signal);
  return read(context, key, left);
}

async function read({ engine }: UpdateContext, key: BinaryKey, left: () => CallControl): Promise<Seen> {
  try {
    return await engine.get({ consistency: 'linearizable', key }, left());
  } catch (error) {
    throw notSent(error);
  }
}

function decode(codec: ViewCodec, raw: RawEntry): Entry<unknown, unknown> {
  try {
    return codec.entry(raw);
  } catch (error) {
    throw notSent(error);
  }
}

function encode(codec: ViewCodec, value: unknown): Uint8Array {
  // JSON of a promise is '{}': an async fn would destroy the value in silence.
  if (typeof (value as { then?: unknown } | null)?.then === 'function') {
    throw notSent(invalid('fn', 'must be synchronous: it returned a promise'));
  }
  try {
    return codec.value(value, 'fn');
  } catch (error) {
    throw notSent(error);
  }
}

/** `timeoutMs` is for the whole update, so each step gets what is left. */
function deadline(control: CallControl, pacer: Pacer): () => CallControl {
  const { timeoutMs, signal } = control;
  const until = timeoutMs === undefined || timeoutMs === 0 ? undefined : pacer.now() + timeoutMs;
  return () => {
    try {
      throwIfAborted(signal);
    } catch (error) {
      throw notSent(error);
    }
    if (until === undefined) return control;
    const left = until - pacer.now();
    // Never 0: that would be "no limit" to the engine.
    if (left <= 0)
      throw new CoterieError('ERR_TIMEOUT', {
        message: `the update took longer than ${timeoutMs} ms`,
        outcome: 'not-applied',
      });
    return { signal, timeoutMs: left };
  };
}

function conflict(attempts: number): CoterieError<'ERR_CONFLICT'> {
  return new CoterieError('ERR_CONFLICT', {
    message: `the key was changed by others in each of ${attempts} attempts (limit updateAttempts)`,
    outcome: 'not-applied',
  });
}
