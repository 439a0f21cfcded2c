/**
 * Recipes over any `Kv`: what applications build out of a consistent store, built once.
 *
 * Each is made from a `Kv` and keeps its keys below `~recipes/` in it; a factory costs nothing until something of it is
 * used.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import type { Kv } from '@coterie/mvcc';
 * import { createCounters, createIds } from '@coterie/recipes';
 *
 * export async function register(kv: Kv): Promise<number> {
 *   await using ids = createIds(kv).block('user', { size: 100 });
 *   await ids.ready();
 *   await createCounters(kv).counter('users').add(1);
 *   return ids.next();
 * }
 * ```
 */
export {
  createCounters,
  type Counter,
  type CounterBounds,
  type Counters,
  type Sequence,
} from './counters/create-counters.js';
export { createIds, type Ids, type IdsOptions } from './ids/create-ids.js';
export type { IdBlock, IdBlockOptions } from './ids/id-block.js';
export type { RecipeClock } from './kernel/system-clock.js';
