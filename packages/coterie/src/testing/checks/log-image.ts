import type { Entry } from '@coterie/raft';

const hashedBytes = 32;

/** Tells entries of one index and term apart: kind, length, and the ends of the data, where what is unique stands. */
export function entryHash({ kind, data }: Entry): number {
  let hash = Math.imul(data.length ^ (kind.length << 24), 0x9e3779b1);
  const head = Math.min(hashedBytes, data.length);
  for (let i = 0; i < head; i++) hash = Math.imul(hash ^ data[i]!, 0x01000193);
  for (let i = Math.max(head, data.length - hashedBytes); i < data.length; i++)
    hash = Math.imul(hash ^ data[i]!, 0x01000193);
  return hash >>> 0;
}

/** A log as far as the checks need it: the term and a hash of every entry. */
export class LogImage {
  startIndex = 0;
  startTerm = 0;
  #terms: number[] = [];
  #hashes: number[] = [];

  get lastIndex(): number {
    return this.startIndex + this.#terms.length;
  }

  /** Undefined before the start and beyond the end. */
  termAt(index: number): number | undefined {
    return index === this.startIndex ? this.startTerm : this.#terms[index - this.startIndex - 1];
  }

  hashAt(index: number): number | undefined {
    return this.#hashes[index - this.startIndex - 1];
  }

  /** Puts an entry in its place; everything behind it goes. */
  put(index: number, term: number, hash: number): void {
    const at = index - this.startIndex - 1;
    if (at < this.#terms.length) {
      this.#terms.length = at;
      this.#hashes.length = at;
    }
    this.#terms.push(term);
    this.#hashes.push(hash);
  }

  /** A snapshot takes the place of everything. */
  restart(index: number, term: number): void {
    this.startIndex = index;
    this.startTerm = term;
    this.#terms = [];
    this.#hashes = [];
  }

  copy(): LogImage {
    const copy = new LogImage();
    copy.startIndex = this.startIndex;
    copy.startTerm = this.startTerm;
    copy.#terms = this.#terms.slice();
    copy.#hashes = this.#hashes.slice();
    return copy;
  }
}
