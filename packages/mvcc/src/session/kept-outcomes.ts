import { keptBytes } from '../command/kept-form.js';
import type { CommandOutcome } from '../command/refusal.js';
import { replicatedLimits } from '../limits.js';

/** Dead slots at the front that are kept before the list is moved up. */
const slackMax = 64;

/**
 * The outcomes that one session keeps: of consecutive sequences, up to the last one applied.
 *
 * Bounded by count and bytes: the oldest go first, as when the proposer says that it needs them no more.
 */
export class KeptOutcomes {
  #items: (CommandOutcome | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  get count(): number {
    return this.#items.length - this.#head;
  }

  /** @param fromEnd 0: the newest */
  at(fromEnd: number): CommandOutcome | undefined {
    return fromEnd < this.count ? this.#items[this.#items.length - 1 - fromEnd] : undefined;
  }

  push(outcome: CommandOutcome): void {
    this.#items.push(outcome);
    this.#bytes += keptBytes(outcome);
    while (this.count > replicatedLimits.openOperations || this.#bytes > replicatedLimits.sessionResultBytes) {
      this.#dropOldest();
    }
  }

  /** Keeps the newest `count`. */
  trim(count: number): void {
    while (this.count > count) this.#dropOldest();
  }

  *[Symbol.iterator](): IterableIterator<CommandOutcome> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as CommandOutcome;
  }

  #dropOldest(): void {
    const dropped = this.#items[this.#head] as CommandOutcome;
    this.#items[this.#head] = undefined;
    this.#head++;
    this.#bytes -= keptBytes(dropped);
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > slackMax && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
