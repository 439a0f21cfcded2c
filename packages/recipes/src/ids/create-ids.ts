import type { AnyKv } from '@coterie/mvcc';
import { keyOf } from '../kernel/names.js';
import { systemClock, type RecipeClock } from '../kernel/system-clock.js';
import { CounterIdBlock, idBlockSettings, type IdBlock, type IdBlockOptions } from './id-block.js';

/** Options of {@link createIds}. */
export interface IdsOptions {
  /** For `timeoutMs`. Default: that of the process. */
  clock?: RecipeClock | undefined;
}

/** Makers of unique ids. */
export interface Ids {
  /**
   * Unique numbers, taken in blocks. Two blocks of one name, in one process or in several, share nothing but the store.
   *
   * @throws CoterieError ERR_INVALID_ARGUMENT
   */
  block(name: string, opts?: IdBlockOptions): IdBlock;
}

/**
 * Unique ids out of a store. Costs nothing until an id is asked for.
 *
 * @example
 * ```ts
 * import type { Kv } from '@coterie/mvcc';
 * import { createIds } from '@coterie/recipes';
 *
 * export async function numberOrders(kv: Kv, orders: { id?: number }[]): Promise<void> {
 *   await using ids = createIds(kv).block('order', { size: 100 });
 *   for (const order of orders) order.id = await ids.take();
 * }
 * ```
 */
export function createIds(kv: AnyKv, opts: IdsOptions = {}): Ids {
  const clock = opts.clock ?? systemClock;
  return {
    block(name, options) {
      const settings = idBlockSettings(name, keyOf('ids', name), options);
      return new CounterIdBlock(kv.withEncoding({ key: 'utf8', value: 'utf8' }), settings, clock);
    },
  };
}
