import type { KvEngine } from '../engine/engine.js';
import { keyCodec, valueCodec } from './codecs.js';
import type { Kv } from './kv.js';
import { LeaseKeeper } from './lease-keeper.js';
import { KvLifecycle } from './lifecycle.js';
import { resolveKvLimits, type KvLimits } from './limits.js';
import { Pacer, type KvClock, type KvScheduler } from './pacing.js';
import { systemClock, systemRandom, systemScheduler } from './system-time.js';
import { KvView, type Core } from './kv-view.js';
import { ViewCodec } from './view-codec.js';

/** What the owner of a store gives to its `Kv`. */
export interface CreateKvOptions {
  /** In the owner's hands: it runs the onClose handlers and ends what runs. Default: one that nobody closes. */
  readonly lifecycle?: KvLifecycle | undefined;
  readonly limits?: { readonly [P in keyof KvLimits]?: number | undefined } | undefined;
  /** For the pauses of `update`, for leases and for giving way. Default: `performance.now` and timers. */
  readonly clock?: KvClock | undefined;
  /** For giving way. Default: `setImmediate`. */
  readonly scheduler?: KvScheduler | undefined;
  /** For the pauses of `update`. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

class RootView extends KvView {
  constructor(engine: KvEngine, options: CreateKvOptions = {}) {
    const limits = resolveKvLimits(options.limits);
    const lifecycle = options.lifecycle ?? new KvLifecycle();
    const clock = options.clock ?? systemClock;
    const core: Core = {
      engine,
      lifecycle,
      pacer: new Pacer(clock, options.scheduler ?? systemScheduler),
      leases: new LeaseKeeper(engine, clock, lifecycle),
      random: options.random ?? systemRandom,
    };
    super(core, new ViewCodec(engine, limits, '', keyCodec('utf8'), valueCodec('utf8')));
  }
}

/**
 * The view of a whole store with texts for keys and values, as a class, so that what is more than a `Kv` can extend it.
 *
 * The methods are those of `Kv`; its overloads and type parameters exist for the compiler alone, hence the cast.
 */
export const KvRoot = RootView as unknown as new (engine: KvEngine, options?: CreateKvOptions) => Kv;

/**
 * The view of a whole store with texts for keys and values.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a limit that cannot be
 */
export function createKv(engine: KvEngine, options?: CreateKvOptions): Kv {
  return new KvRoot(engine, options);
}
