import { CoterieError } from '@coterie/errors';
import type { Random } from '@coterie/raft';
import { SimulatedStop } from '../files/sim-disk.js';
import { flipSomeBit, type DiskStrike } from '../files/sim-strike.js';

/** What a simulated ordered store is asked to do, as far as it can fail. */
export type OrderedOperation = 'open' | 'read' | 'write' | 'sync' | 'destroy';

/**
 * Asked at every operation of every store; what it answers befalls that operation. A `flip` shows one wrong bit to a
 * read; `short` and `misdirect` mean nothing here. A batch is whole or not there, so nothing happens in its middle.
 */
export type OrderedSaboteur = (operation: OrderedOperation) => DiskStrike | undefined;

/** What goes wrong with the ordered stores of one simulated machine. */
export class ModelFaults {
  saboteur: OrderedSaboteur | undefined;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get active(): boolean {
    return this.saboteur !== undefined;
  }

  /** @throws CoterieError ERR_STORAGE; SimulatedStop */
  run<T>(operation: OrderedOperation, act: () => T): T {
    return this.#befall(this.saboteur?.(operation), operation, act);
  }

  /** What a read found, as it is shown. @throws CoterieError ERR_STORAGE; SimulatedStop */
  shown<T extends Uint8Array | undefined>(values: readonly T[]): readonly T[] {
    const strike = !this.active || values.length === 0 ? undefined : this.saboteur?.('read');
    if (strike?.kind === 'flip') return this.#flipped(values);
    return this.#befall(strike, 'read', () => values);
  }

  #befall<T>(strike: DiskStrike | undefined, operation: OrderedOperation, act: () => T): T {
    if (strike?.kind === 'error') {
      throw new CoterieError('ERR_STORAGE', { message: `${operation}: simulated ${strike.code}` });
    }
    if (strike?.kind !== 'stop') return act();
    if (strike.when === 'after') act();
    strike.struck();
    throw new SimulatedStop(`${operation}: the process died ${strike.when} it`);
  }

  #flipped<T extends Uint8Array | undefined>(values: readonly T[]): readonly T[] {
    const there = values.flatMap((value, at) => (value === undefined || value.length === 0 ? [] : [at]));
    const at = there[there.length === 0 ? 0 : this.#random.nextInt(there.length)];
    if (at === undefined) return values;
    const wrong = Uint8Array.from(values[at] as Uint8Array);
    flipSomeBit(wrong, this.#random);
    return values.with(at, wrong as T);
  }
}
