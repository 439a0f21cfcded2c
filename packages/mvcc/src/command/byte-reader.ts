import { CoterieError } from '@coterie/errors';

/**
 * Reads what a `ByteWriter` wrote.
 *
 * The bytes may be anything: every read is checked against the end, every number against the safe integers, and
 * whatever is wrong is ERR_CORRUPT. So is what a `ByteWriter` would have written otherwise: one meaning has one form,
 * and damage has the fewest ways to look like something else. Values are views into the bytes.
 */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw corrupt('it ends too early');
    this.#at++;
    return value;
  }

  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw corrupt(`a flag is ${value}`);
    return value === 1;
  }

  u48(): number {
    this.#need(6);
    const value = getU48(this.#bytes, this.#at);
    this.#at += 6;
    return value;
  }

  f64(): number {
    this.#need(8);
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  /** @param max the largest value that makes sense here */
  uint(max = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    let scale = 1;
    // Eight groups of seven bits hold every safe integer.
    for (let group = 0; group < 8; group++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && group > 0) throw corrupt('a number is longer than it need be');
        if (value > max) throw corrupt(`the number ${value} is above ${max}`);
        return value;
      }
      scale *= 128;
    }
    throw corrupt('a number has no end');
  }

  int(): number {
    const negative = this.flag();
    const value = this.uint();
    if (negative && value === 0) throw corrupt('a zero has a sign');
    return negative ? -value : value;
  }

  text(maxLength: number): string {
    const length = this.uint(maxLength);
    this.#need(length);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('latin1', start, this.#at);
  }

  /** A view into what is read. */
  bytes(maxLength: number): Uint8Array {
    const length = this.uint(maxLength);
    this.#need(length);
    const start = this.#at;
    this.#at += length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  /** @throws CoterieError ERR_CORRUPT when bytes are left */
  end(): void {
    if (this.left !== 0) throw corrupt(`${this.left} bytes are left behind its end`);
  }

  #need(length: number): void {
    if (length > this.left) throw corrupt(`${length} bytes are wanted and ${this.left} are left`);
  }
}

/** The one way in which decoding fails. */
export function corrupt(what: string): CoterieError {
  return new CoterieError('ERR_CORRUPT', { message: `the bytes are damaged or of an unknown format: ${what}` });
}

/** The counterpart of `putU48`. */
export function getU48(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! * 0x100 + bytes[at + 1]!;
  const low = bytes[at + 2]! * 0x1_00_00_00 + bytes[at + 3]! * 0x1_00_00 + bytes[at + 4]! * 0x1_00 + bytes[at + 5]!;
  return high * 0x1_0000_0000 + low;
}
