import { invariant } from '@coterie/errors';
import { replicatedLimits } from '../limits.js';
import type { Call } from './call.js';

/** A command whose fate is not known yet. */
export interface OpenCommand {
  bytes: Uint8Array;
  /** Nobody waits any more: it stays in its place until its fate is known, so that later ones keep their order. */
  call: Call | undefined;
  /** It was replaced by a command that does nothing. */
  skipped: boolean;
}

/**
 * The open commands of one session: consecutive sequences from `lowest` to before `next`, of which those before
 * `unsent` have been handed out at least once.
 */
export class OpenWindow {
  readonly #ring: (OpenCommand | undefined)[] = new Array<OpenCommand | undefined>(replicatedLimits.openOperations);
  #lowest = 1;
  #unsent = 1;
  #next = 1;
  #bytes = 0;

  get lowest(): number {
    return this.#lowest;
  }

  get unsent(): number {
    return this.#unsent;
  }

  get next(): number {
    return this.#next;
  }

  get count(): number {
    return this.#next - this.#lowest;
  }

  get bytes(): number {
    return this.#bytes;
  }

  at(sequence: number): OpenCommand {
    const command = this.#ring[sequence % this.#ring.length];
    invariant(command !== undefined && sequence >= this.#lowest && sequence < this.#next, 'the command is open', {
      sequence,
    });
    return command;
  }

  push(command: OpenCommand): void {
    invariant(this.count < this.#ring.length, 'the window has room');
    this.#ring[this.#next % this.#ring.length] = command;
    this.#next++;
    this.#bytes += command.bytes.length;
  }

  /** The fate of the lowest is known. */
  shift(): OpenCommand {
    const command = this.at(this.#lowest);
    this.#ring[this.#lowest % this.#ring.length] = undefined;
    this.#lowest++;
    if (this.#unsent < this.#lowest) this.#unsent = this.#lowest;
    this.#bytes -= command.bytes.length;
    return command;
  }

  /** Everything before this sequence has been handed out. */
  sentBelow(sequence: number): void {
    if (sequence > this.#unsent) this.#unsent = sequence;
  }

  /** Puts other bytes in the place of a command. */
  replace(sequence: number, bytes: Uint8Array): void {
    const command = this.at(sequence);
    this.#bytes += bytes.length - command.bytes.length;
    command.bytes = bytes;
  }

  /** Takes back what was given up before it was handed out and has nothing behind it. */
  dropSkippedTail(): void {
    while (this.#next > this.#unsent && this.at(this.#next - 1).skipped) {
      this.#next--;
      const slot = this.#next % this.#ring.length;
      this.#bytes -= this.#ring[slot]!.bytes.length;
      this.#ring[slot] = undefined;
    }
  }

  /** Empties the window and begins at sequence 1 again. @returns what was in it, in order */
  restart(): OpenCommand[] {
    const commands: OpenCommand[] = [];
    while (this.count > 0) commands.push(this.shift());
    this.#lowest = 1;
    this.#unsent = 1;
    this.#next = 1;
    return commands;
  }
}
