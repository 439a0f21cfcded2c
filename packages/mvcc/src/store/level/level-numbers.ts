import { CoterieError } from '@coterie/errors';

/** The one way in which files of LevelDB are found to be damaged. */
export function corruptLevel(what: string): Error {
  return new CoterieError('ERR_CORRUPT', { message: `the files of the store are damaged: ${what}` });
}

/** Reads the varints and byte strings that LevelDB's formats are made of. */
export class LevelReader {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  /** @throws CoterieError ERR_CORRUPT */
  uint(): number {
    let value = 0;
    for (let scale = 1; scale <= 128 ** 7; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw corruptLevel('a number is cut off');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw corruptLevel('a number has no end');
  }

  /** @throws CoterieError ERR_CORRUPT */
  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw corruptLevel('a part is cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
