import { CoterieError } from '@coterie/errors';
import { keyAlone } from '../command/key-range.js';
import type { RawEntry } from '../command/operation.js';
import type { BinaryKey, KeyRange } from '../store/types.js';
import { invalid, isPlainObject } from './arguments.js';
import { keyToBytes, type KeyCodec, type ValueCodec } from './codecs.js';
import type { Entry, KeyEntry } from './entry.js';
import { parseRange } from './key-range.js';
import type { KvLimits } from './limits.js';

/**
 * What a view reads and writes: a namespace and two encodings. All that turns an application's keys and values into the
 * engine's and back.
 */
export class ViewCodec {
  constructor(
    /** The engine that the view stands on: operations of one store do not run on another. */
    readonly store: object,
    readonly limits: KvLimits,
    readonly namespace: BinaryKey,
    readonly keys: KeyCodec,
    readonly values: ValueCodec,
  ) {}

  /** @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_LARGE */
  key(key: unknown, argument: string): BinaryKey {
    const encoded = this.keys.encode(key, argument);
    if (encoded.length === 0) throw invalid(argument, 'must not be empty');
    const full = this.namespace === '' ? encoded : this.namespace + encoded;
    if (full.length > this.limits.keyBytes) {
      throw tooLarge(`${argument} has ${full.length} bytes`, 'keyBytes', this.limits.keyBytes);
    }
    return full;
  }

  /** @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_LARGE */
  value(value: unknown, argument: string): Uint8Array {
    const encoded = this.values.encode(value, argument);
    if (encoded.byteLength > this.limits.valueBytes) {
      throw tooLarge(`${argument} has ${encoded.byteLength} bytes`, 'valueBytes', this.limits.valueBytes);
    }
    return encoded;
  }

  /** @throws CoterieError ERR_INVALID_ARGUMENT, ERR_TOO_LARGE */
  range(range: unknown, argument: string): KeyRange {
    return parseRange(range, argument, this.namespace, (bound, name) => this.key(bound, name));
  }

  /** A key or a range: plain objects are ranges. */
  target(what: unknown, argument: string): KeyRange {
    return isPlainObject(what) ? this.range(what, argument) : keyAlone(this.key(what, argument));
  }

  /** The same keys, read another way. */
  withKeys(keys: KeyCodec): ViewCodec {
    return new ViewCodec(this.store, this.limits, this.namespace, keys, this.values);
  }

  /** The same encodings further down. */
  within(prefix: unknown): ViewCodec {
    return new ViewCodec(this.store, this.limits, this.key(prefix, 'prefix'), this.keys, this.values);
  }

  /** @throws CoterieError ERR_DECODING */
  decodeKey(key: BinaryKey, revision: number): unknown {
    const own = this.namespace === '' ? key : key.slice(this.namespace.length);
    try {
      return this.keys.decode(own);
    } catch (cause) {
      throw undecodable('key', own, revision, cause);
    }
  }

  /** @throws CoterieError ERR_DECODING */
  entry(raw: RawEntry): Entry<unknown, unknown> {
    const key = this.decodeKey(raw.key, raw.modRevision);
    let value: unknown;
    try {
      value = this.values.decode(raw.value);
    } catch (cause) {
      throw undecodable('value', raw.key.slice(this.namespace.length), raw.modRevision, cause);
    }
    const { createRevision, modRevision, version, lease } = raw;
    return lease === 0
      ? { key, value, createRevision, modRevision, version }
      : { key, value, createRevision, modRevision, version, lease };
  }

  /** @throws CoterieError ERR_DECODING */
  keyEntry(raw: RawEntry): KeyEntry<unknown> {
    const { createRevision, modRevision, version, lease } = raw;
    const key: unknown = this.decodeKey(raw.key, modRevision);
    return lease === 0
      ? { key, createRevision, modRevision, version }
      : { key, createRevision, modRevision, version, lease };
  }
}

/** The error for what is beyond a limit, which it names. */
export function tooLarge(what: string, name: keyof KvLimits, limit: number): CoterieError<'ERR_TOO_LARGE'> {
  return new CoterieError('ERR_TOO_LARGE', { message: `${what}; the limit ${name} is ${limit}`, limit });
}

function undecodable(part: string, key: BinaryKey, revision: number, cause: unknown): CoterieError<'ERR_DECODING'> {
  return new CoterieError('ERR_DECODING', {
    message: `the ${part} of an entry of revision ${revision} does not decode by the encoding of this view`,
    key: keyToBytes(key),
    revision,
    cause,
  });
}
