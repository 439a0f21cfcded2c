import type { Logger } from '../kv/logger.js';
import type { MvccStateMachine } from '../machine.js';

/** The longest rest between two tries, in looks: half a minute. */
const restMax = 32;

/**
 * Has a checkpoint written again that found the disk full: at the next look, then after twice as many each time.
 *
 * It is tried for as long as the store is open. Nothing is lost meanwhile: the log has all of it, and what memory holds
 * is bounded, since writes are refused with ERR_NO_SPACE when it is full.
 */
export class SpaceKeeper {
  readonly #machine: Pick<MvccStateMachine, 'noSpace' | 'retryCheckpoint'>;
  readonly #logger: Logger;
  #rest = 1;
  #looks = 0;
  #told = false;

  constructor(machine: Pick<MvccStateMachine, 'noSpace' | 'retryCheckpoint'>, logger: Logger) {
    this.#machine = machine;
    this.#logger = logger;
  }

  /** Called about once a second. */
  look(): void {
    const { noSpace } = this.#machine;
    if (noSpace === undefined) {
      if (this.#told) this.#logger.info({}, 'the disk has room again: checkpoints go on');
      this.#told = false;
      this.#rest = 1;
      this.#looks = 0;
      return;
    }
    if (!this.#told) {
      const message = 'the disk is full: no checkpoint can be written, and the log grows; it is tried again';
      this.#logger.error({ error: noSpace.message }, message);
      this.#told = true;
    }
    if (++this.#looks < this.#rest) return;
    this.#looks = 0;
    this.#rest = Math.min(restMax, 2 * this.#rest);
    this.#machine.retryCheckpoint();
  }
}
