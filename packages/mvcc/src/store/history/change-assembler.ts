import { corruptHistory, peekFrame, readEvent, type EventFrame } from './event-codec.js';
import type { KeyEvent, RevisionEvents } from '../types.js';

/** A frame holds one key and two values at the most, so a longer one is damage and not a reason to ask for memory. */
const frameBytesMax = 64 * 1024 * 1024;

/**
 * Puts revisions together from the bytes of event frames as they come, and checks that no event is missing inside a
 * revision and no revision among those that are asked for. (What is compacted may never have been written.)
 */
export class ChangeAssembler {
  readonly changes: RevisionEvents[] = [];
  /** Bytes of the events in `changes`. */
  bytes = 0;
  readonly #from: number;
  #pending: KeyEvent[] = [];
  #expectSub = 0;
  #revision = 0;

  /** @param from revisions before this one are passed over; 0: all are taken, and need only grow */
  constructor(from: number) {
    this.#from = from;
  }

  /** Whether it stands between two revisions. */
  get whole(): boolean {
    return this.#expectSub === 0;
  }

  /**
   * Takes the whole frames at the front of `bytes`, until it has `enough` bytes of whole revisions.
   *
   * @returns how many bytes were used, and how many the next frame needs
   * @throws CoterieError ERR_CORRUPT
   */
  take(bytes: Uint8Array, enough: number): { readonly used: number; readonly need: number } {
    let at = 0;
    while (!(this.whole && this.bytes >= enough)) {
      const frame = peekFrame(bytes, at);
      if ('need' in frame) {
        if (frame.need > frameBytesMax) throw corruptHistory(`it claims ${frame.need} bytes`);
        return { used: at, need: frame.need };
      }
      if (frame.sub !== this.#expectSub || !this.#follows(frame)) {
        throw corruptHistory(
          `event ${frame.sub} of revision ${frame.revision} stands behind revision ${this.#revision}`,
        );
      }
      this.#revision = frame.revision;
      this.#expectSub = frame.last ? 0 : frame.sub + 1;
      if (frame.revision >= this.#from) {
        this.#pending.push(readEvent(bytes, at));
        this.bytes += frame.bytes;
        if (frame.last) this.#close();
      }
      at += frame.bytes;
    }
    return { used: at, need: 0 };
  }

  #follows({ revision, sub }: EventFrame): boolean {
    if (sub > 0) return revision === this.#revision;
    const wanted = this.#from > 0 && this.#revision >= this.#from;
    return wanted ? revision === this.#revision + 1 : revision > this.#revision;
  }

  #close(): void {
    this.changes.push({ revision: this.#revision, events: this.#pending });
    this.#pending = [];
  }
}
