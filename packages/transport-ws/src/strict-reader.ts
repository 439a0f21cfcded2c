import { CoterieError } from '@coterie/errors';

/** @throws CoterieError ERR_PROTOCOL always */
export function malformed(what: string, cause?: unknown): never {
  throw new CoterieError('ERR_PROTOCOL', {
    message: `malformed frame: ${what}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the part of MessagePack that our frames use, and refuses the rest: arrays, non-negative safe integers,
 * booleans, nil, bin, str.
 *
 * What msgpackr packs is read here and not by msgpackr, because these bytes come from others: a general decoder builds
 * whatever the bytes ask for (dates, regular expressions, errors, and the classes that the application registered for
 * the whole process with
 * `addExtension`) before anybody can look at it. Here nothing is allocated that the frame's own length does not pay
 * for.
 */
export class StrictReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The number of elements that follow; each takes at least one byte, so a length beyond the frame is refused here. */
  array(): number {
    const token = this.#token();
    let length: number;
    if ((token & 0xf0) === 0x90) length = token & 0x0f;
    else if (token === 0xdc) length = this.#bytes.readUInt16BE(this.#take(2));
    else if (token === 0xdd) length = this.#bytes.readUInt32BE(this.#take(4));
    else malformed(`expected an array, got 0x${token.toString(16)} at byte ${this.#at - 1}`);
    if (length > this.#bytes.length - this.#at) malformed(`an array of ${length} elements exceeds the frame`);
    return length;
  }

  /** An array of exactly so many elements. */
  tuple(length: number): void {
    const found = this.array();
    if (found !== length) malformed(`expected ${length} elements, got ${found}`);
  }

  uint(): number {
    const token = this.#token();
    if (token < 0x80) return token;
    if (token === 0xcc) return this.#token();
    if (token === 0xcd) return this.#bytes.readUInt16BE(this.#take(2));
    if (token === 0xce) return this.#bytes.readUInt32BE(this.#take(4));
    // msgpackr packs numbers beyond 32 bits as float64, which holds every safe integer exactly.
    if (token === 0xcb) return this.#safe(this.#bytes.readDoubleBE(this.#take(8)));
    if (token === 0xcf) return this.#safe(Number(this.#bytes.readBigUInt64BE(this.#take(8))));
    return malformed(`expected a number, got 0x${token.toString(16)} at byte ${this.#at - 1}`);
  }

  bool(): boolean {
    const token = this.#token();
    if (token !== 0xc2 && token !== 0xc3) malformed(`expected a boolean, got 0x${token.toString(16)}`);
    return token === 0xc3;
  }

  /** Whether a nil stands here; it is taken if so. */
  nil(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at++;
    return true;
  }

  /**
   * A view of the frame, not a copy. A plain Uint8Array: `slice` of a Buffer would be a view again and surprise whoever
   * wants a copy.
   */
  bin(): Uint8Array {
    const token = this.#token();
    let length: number;
    if (token === 0xc4) length = this.#token();
    else if (token === 0xc5) length = this.#bytes.readUInt16BE(this.#take(2));
    else if (token === 0xc6) length = this.#bytes.readUInt32BE(this.#take(4));
    else malformed(`expected bytes, got 0x${token.toString(16)} at byte ${this.#at - 1}`);
    return this.#view(length);
  }

  text(): string {
    const token = this.#token();
    let length: number;
    if ((token & 0xe0) === 0xa0) length = token & 0x1f;
    else if (token === 0xd9) length = this.#token();
    else if (token === 0xda) length = this.#bytes.readUInt16BE(this.#take(2));
    else malformed(`expected text, got 0x${token.toString(16)} at byte ${this.#at - 1}`);
    try {
      return utf8.decode(this.#view(length));
    } catch (cause) {
      return malformed('ill-formed UTF-8', cause);
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) malformed(`${this.#bytes.length - this.#at} bytes after the end`);
  }

  #token(): number {
    const token = this.#bytes[this.#at];
    if (token === undefined) malformed('it ends too early');
    this.#at++;
    return token;
  }

  /** Moves over `length` bytes and returns where they begin. */
  #take(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) malformed('it ends too early');
    this.#at = from + length;
    return from;
  }

  #view(length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#take(length), length);
  }

  #safe(value: number): number {
    if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) malformed(`${value} is not a safe index`);
    return value;
  }
}
