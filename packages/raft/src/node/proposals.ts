import type { CommandFilter } from '../ports/command-filter.js';
import { batchHeadBytes, commandOverheadBytes } from './entry-batch.js';

/** How many commands and bytes one entry may hold. */
export interface BatchLimits {
  readonly entryBytes: number;
  readonly entryCommands: number;
}

/**
 * Bytes of commands in one forwarded list: with all heads below the 1 MiB that every transport carries in one piece.
 *
 * The limits of an entry do not count here. With small ones a turn would become as many frames as entries, a link holds
 * so many only, and what it drops waits for a session to send again: a few commands each election timeout.
 */
const forwardedBytesMax = (1 << 20) - 4096;

/**
 * Commands that wait for the end of the turn, own and forwarded ones, in the order in which they came.
 *
 * Bounded by bytes: beyond the bound nothing more is taken, and whoever submitted sends again later (the session keeps
 * order).
 */
export class ProposalQueue {
  readonly #limits: BatchLimits;
  readonly #bytesMax: number;
  #commands: Uint8Array[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: BatchLimits, bytesMax: number) {
    this.#limits = limits;
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#commands.length - this.#head;
  }

  get full(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** @returns whether they were taken, or were here already; if not, none of them was */
  push(commands: readonly Uint8Array[], filter?: CommandFilter): boolean {
    if (this.full) return false;
    const first = this.#commands.length;
    let passedOver = false;
    for (const command of commands) {
      if (filter?.take(command) === false) {
        passedOver = true;
        continue;
      }
      this.#commands.push(command);
      this.#bytes += command.length + commandOverheadBytes;
    }
    // A view would keep the whole frame, with all that is not taken of it and not counted here.
    if (passedOver)
      for (let at = first; at < this.#commands.length; at++) this.#commands[at] = this.#commands[at]!.slice();
    return true;
  }

  /** At most so many bytes of commands go into the next batch; 0 when nothing waits. */
  get nextBytes(): number {
    const head = this.#commands[this.#head];
    if (head === undefined) return 0;
    return (
      batchHeadBytes + Math.min(this.#bytes, Math.max(this.#limits.entryBytes, head.length + commandOverheadBytes))
    );
  }

  /** The next commands within the limits of an entry; one always fits. Empty when nothing waits. */
  takeEntry(): Uint8Array[] {
    return this.#take(this.#limits);
  }

  /** The next commands that go to the leader in one frame; one always fits. Empty when nothing waits. */
  takeForwarded(): Uint8Array[] {
    return this.#take({ entryBytes: forwardedBytesMax, entryCommands: Infinity });
  }

  #take({ entryBytes, entryCommands }: BatchLimits): Uint8Array[] {
    const batch: Uint8Array[] = [];
    let bytes = 0;
    while (this.#head < this.#commands.length && batch.length < entryCommands) {
      const command = this.#commands[this.#head]!;
      const cost = command.length + commandOverheadBytes;
      if (batch.length > 0 && bytes + cost > entryBytes) break;
      batch.push(command);
      bytes += cost;
      this.#head++;
    }
    this.#bytes -= bytes;
    if (this.#head === this.#commands.length) {
      this.#commands = [];
      this.#head = 0;
    }
    return batch;
  }

  clear(): void {
    this.#commands = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
