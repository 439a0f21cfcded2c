import type { Message } from '@coterie/raft';
import { encodeMessages, packedBytesMax } from './frame.js';
import { bytesFrame, maxPiecesPerFrame, pieceOverheadBytes } from './lane-frame.js';

type Run = { readonly messages: Message[]; bytes: number } | { readonly pieces: Uint8Array[]; bytes: number };

/** Messages in one frame, well below what a receiver takes. */
const maxMessagesPerRun = 16_384;

/**
 * Gathers what one turn of the event loop sends to one peer.
 *
 * Order is kept: neighbours of one kind share a frame, a change of kind begins a new one. A frame that would exceed the
 * limit is split.
 */
export class Outbox {
  readonly #maxFrameBytes: number;
  #runs: Run[] = [];
  #bytes = 0;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** An upper bound of what `take` will give, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false when the message alone exceeds a frame: it is not taken */
  message(message: Message): boolean {
    const bytes = packedBytesMax(message);
    if (bytes > this.#maxFrameBytes) return false;
    let run = this.#runs.at(-1);
    if (run === undefined || !('messages' in run) || !this.#fits(run, run.messages.length, maxMessagesPerRun, bytes)) {
      run = { messages: [], bytes: 16 };
      this.#runs.push(run);
    }
    run.messages.push(message);
    run.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  /** @returns false when the piece alone exceeds a frame: it is not taken */
  piece(piece: Uint8Array): boolean {
    const bytes = pieceOverheadBytes + piece.length;
    if (bytes + 1 > this.#maxFrameBytes) return false;
    let run = this.#runs.at(-1);
    if (run === undefined || !('pieces' in run) || !this.#fits(run, run.pieces.length, maxPiecesPerFrame, bytes)) {
      run = { pieces: [], bytes: 1 };
      this.#runs.push(run);
    }
    run.pieces.push(piece);
    run.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  /** The frames of this turn; afterwards the box is empty. */
  take(): Uint8Array[] {
    const frames = this.#runs.map((run) => ('messages' in run ? encodeMessages(run.messages) : bytesFrame(run.pieces)));
    this.clear();
    return frames;
  }

  clear(): void {
    this.#runs = [];
    this.#bytes = 0;
  }

  #fits(run: Run, length: number, lengthMax: number, bytes: number): boolean {
    return length < lengthMax && run.bytes + bytes <= this.#maxFrameBytes;
  }
}
