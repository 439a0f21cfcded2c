/* eslint-disable @typescript-eslint/no-explicit-any -- as a parameter of both directions only any fits */
/**
 * An encoding of one's own, for keys or for values.
 *
 * Keys order by their encoded bytes, and an encoded key is never empty. A codec for keys gives the same bytes for equal
 * keys.
 */
export interface Codec<T> {
  /** Bytes, or a text that is stored as UTF-8. What it throws becomes the `cause` of `ERR_INVALID_ARGUMENT`. */
  encode(value: T): Uint8Array | string;
  /**
   * The bytes are the codec's to keep. What it throws becomes the `cause` of `ERR_DECODING`. Never gives a plain object
   * for a key.
   */
  decode(bytes: Uint8Array): T;
}

/**
 * What `{ value: 'json' }` takes: anything that `JSON.stringify` gives a text for. `undefined`, functions, symbols and
 * bigints are not.
 */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

/**
 * Keys are never plain objects, so that `delete(keyOrRange)` and `watch(keyOrRange)` stay decidable at run time and in
 * types.
 */
export type KeyLike = string | number | bigint | Uint8Array;

/** The encodings that have a name. */
export type EncodingName = 'utf8' | 'bytes' | 'json';
/** How a view reads and writes keys. Default `'utf8'`. */
export type KeyEncoding = 'utf8' | 'bytes' | Codec<any>;
/** How a view reads and writes values. Default `'utf8'`. */
export type ValueEncoding = 'utf8' | 'bytes' | 'json' | Codec<any>;

/** The key type of a view after `withEncoding({ key: E })` on a view of `Now`. */
export type DecodedKey<E, Now> = E extends 'utf8'
  ? string
  : E extends 'bytes'
    ? Uint8Array
    : E extends Codec<infer T>
      ? T
      : Now;

/** The value type of a view after `withEncoding({ value: E })` on a view of `Now`. */
export type DecodedValue<E, Now> = E extends 'utf8'
  ? string
  : E extends 'bytes'
    ? Uint8Array
    : E extends 'json'
      ? unknown
      : E extends Codec<infer T>
        ? T
        : Now;
