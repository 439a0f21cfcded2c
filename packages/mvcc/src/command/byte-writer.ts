import { CoterieError } from '@coterie/errors';

/** Bytes that an unsigned varint takes, seven bits a byte. */
export function uintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 4;
  for (let rest = Math.floor(value / 0x1000_0000); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/**
 * Writes numbers, keys and bytes one after the other into one buffer.
 *
 * A writer of a known size allocates once; one that grows doubles.
 */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(sizeHint, 16));
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** Six bytes, big-endian: fixed in size, so that a header can be written again in place. */
  u48(value: number): void {
    this.#reserve(6);
    putU48(this.#bytes, this.#at, value);
    this.#at += 6;
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#at);
    this.#at += 8;
  }

  /** A safe, not negative integer as a varint. */
  uint(value: number): void {
    this.#reserve(value < 0x80 ? 1 : 8);
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = value;
    // Above 31 bits shifts would wrap, so the high part is divided.
    while (rest >= 0x8000_0000) {
      bytes[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#at = at;
  }

  /** A safe integer: its sign in a byte of its own is dear in no hot path. */
  int(value: number): void {
    this.u8(value < 0 ? 1 : 0);
    this.uint(Math.abs(value));
  }

  /** A latin1 string with its length. @throws CoterieError ERR_INVALID_ARGUMENT when a character does not fit a byte */
  text(value: string): void {
    const length = value.length;
    this.uint(length);
    this.#reserve(length);
    const bytes = this.#bytes;
    const start = this.#at;
    this.#at += length;
    let seen = 0;
    for (let at = 0; at < length; at++) {
      const unit = value.charCodeAt(at);
      seen |= unit;
      bytes[start + at] = unit;
    }
    if (seen > 0xff) {
      throw new CoterieError('ERR_INVALID_ARGUMENT', {
        message: 'a key must have one byte a character',
        argument: 'key',
      });
    }
  }

  bytes(value: Uint8Array): void {
    this.uint(value.length);
    this.raw(value);
  }

  /** What another writer wrote: without a length. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** What was written, without a copy. The writer must not be used after it. */
  finish(): Uint8Array {
    return this.#at === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#at);
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** Writes six bytes, big-endian. */
export function putU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = low >>> 24;
  bytes[at + 3] = low >>> 16;
  bytes[at + 4] = low >>> 8;
  bytes[at + 5] = low;
}
