import type { BinaryKey } from '../store/types.js';
import { invalid, isBytes, isPlainObject, kindOf } from './arguments.js';
import type { Codec, KeyEncoding, ValueEncoding } from './encoding.js';

/** An encoding of keys as a view uses it. `decode` throws whatever is wrong; the view makes ERR_DECODING of it. */
export interface KeyCodec {
  encode(key: unknown, argument: string): BinaryKey;
  decode(key: BinaryKey): unknown;
}
/** An encoding of values as a view uses it. */
export interface ValueCodec {
  encode(value: unknown, argument: string): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const beyondAscii = /[\u0080-\uffff]/;
// A BOM is data like any other: dropping it would change the value on its way through.
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `String.prototype.isWellFormed` of ES2024, which Node 20 has and lib es2023 lacks. */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function wellFormed(text: unknown, argument: string): string {
  if (typeof text !== 'string') throw invalid(argument, `must be a string, not ${kindOf(text)}`);
  // A lone surrogate has no UTF-8: it would silently become U+FFFD, and two different keys one.
  if (!isWellFormed(text)) throw invalid(argument, 'is ill-formed text: it has a lone surrogate');
  return text;
}

/** The UTF-8 bytes of a text as a binary key. ASCII is its own binary key. */
export function textToKey(text: unknown, argument: string): BinaryKey {
  if (typeof text === 'string' && !beyondAscii.test(text)) return text;
  return Buffer.from(wellFormed(text, argument), 'utf8').toString('latin1');
}

function textToBytes(text: unknown, argument: string): Uint8Array {
  return Buffer.from(wellFormed(text, argument), 'utf8');
}

/** The bytes of a binary key, in memory of their own. */
export function keyToBytes(key: BinaryKey): Uint8Array {
  const bytes = new Uint8Array(key.length);
  for (let at = 0; at < key.length; at++) bytes[at] = key.charCodeAt(at);
  return bytes;
}

function bytesToKey(bytes: Uint8Array): BinaryKey {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Node 20 has no `detached`; a view of a transferred buffer has no offset to read from. */
function isDetached(bytes: Uint8Array): boolean {
  if (bytes.byteLength > 0) return false;
  try {
    new Uint8Array(bytes.buffer);
    return false;
  } catch {
    return true;
  }
}

function bytesOf(value: unknown, argument: string): Uint8Array {
  if (!isBytes(value)) throw invalid(argument, `must be a Uint8Array, not ${kindOf(value)}`);
  if ((value.buffer as { detached?: boolean }).detached === true || isDetached(value)) {
    throw invalid(argument, 'must not be detached: its memory was transferred away');
  }
  return value;
}

const utf8Keys: KeyCodec = {
  encode: textToKey,
  decode: (key) => (beyondAscii.test(key) ? utf8Decoder.decode(Buffer.from(key, 'latin1')) : key),
};
const byteKeys: KeyCodec = {
  encode: (key, argument) => bytesToKey(bytesOf(key, argument)),
  decode: keyToBytes,
};
const utf8Values: ValueCodec = { encode: textToBytes, decode: (bytes) => utf8Decoder.decode(bytes) };
// `new Uint8Array(view)` copies, of any realm and of shared memory too; `slice` of a Buffer would not.
const byteValues: ValueCodec = {
  encode: (value, argument) => new Uint8Array(bytesOf(value, argument)),
  decode: (bytes) => new Uint8Array(bytes),
};
const jsonValues: ValueCodec = {
  encode(value, argument) {
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (cause) {
      throw invalid(argument, 'cannot be written as JSON', cause);
    }
    if (text === undefined) throw invalid(argument, `cannot be written as JSON: it is ${kindOf(value)}`);
    return Buffer.from(text, 'utf8');
  },
  decode: (bytes) => JSON.parse(utf8Decoder.decode(bytes)) as unknown,
};

function encodeWith(codec: Codec<unknown>, value: unknown, argument: string): Uint8Array | string {
  let encoded: unknown;
  try {
    encoded = codec.encode(value);
  } catch (cause) {
    throw invalid(argument, 'is refused by the encoding of its view', cause);
  }
  if (typeof encoded === 'string') return wellFormed(encoded, argument);
  if (!isBytes(encoded)) throw invalid(argument, `was encoded to ${kindOf(encoded)} instead of bytes or text`);
  return encoded;
}

function keysWith(codec: Codec<unknown>): KeyCodec {
  return {
    encode(key, argument) {
      if (isPlainObject(key)) throw invalid(argument, 'must be a key: a plain object is a range');
      const encoded = encodeWith(codec, key, argument);
      return typeof encoded === 'string' ? textToKey(encoded, argument) : bytesToKey(encoded);
    },
    decode(key) {
      const decoded = codec.decode(keyToBytes(key));
      if (isPlainObject(decoded)) throw new TypeError('the key was decoded to a plain object, which would be a range');
      return decoded;
    },
  };
}

function valuesWith(codec: Codec<unknown>): ValueCodec {
  return {
    encode(value, argument) {
      const encoded = encodeWith(codec, value, argument);
      // A codec may encode into a buffer that it uses again.
      return typeof encoded === 'string' ? Buffer.from(encoded, 'utf8') : new Uint8Array(bytesOf(encoded, argument));
    },
    decode: (bytes) => codec.decode(new Uint8Array(bytes)),
  };
}

function isCodec(value: unknown): value is Codec<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const codec = value as Partial<Codec<unknown>>;
  return typeof codec.encode === 'function' && typeof codec.decode === 'function';
}

/** @throws CoterieError ERR_INVALID_ARGUMENT for an encoding that there is not */
export function keyCodec(encoding: KeyEncoding): KeyCodec {
  if (encoding === 'utf8') return utf8Keys;
  if (encoding === 'bytes') return byteKeys;
  if (isCodec(encoding)) return keysWith(encoding);
  throw invalid('encoding.key', `must be 'utf8', 'bytes' or a codec { encode, decode }`);
}

/** @throws CoterieError ERR_INVALID_ARGUMENT for an encoding that there is not */
export function valueCodec(encoding: ValueEncoding): ValueCodec {
  if (encoding === 'utf8') return utf8Values;
  if (encoding === 'bytes') return byteValues;
  if (encoding === 'json') return jsonValues;
  if (isCodec(encoding)) return valuesWith(encoding);
  throw invalid('encoding.value', `must be 'utf8', 'bytes', 'json' or a codec { encode, decode }`);
}
