import { invalid, kindOf } from './arguments.js';
import { defaultLimits, resolveLimits, type MvccLimits } from '../limits.js';

/** Bounds of what a `Kv` takes and does. Each is named in the message of the error that it leads to. */
export interface KvLimits extends MvccLimits {
  /** How often `update` tries unless told; then `ERR_CONFLICT`. */
  readonly updateAttempts: number;
}

/** The bounds unless told. */
export const defaultKvLimits: KvLimits = { ...defaultLimits, updateAttempts: 32 };

/**
 * The defaults with what the caller sets.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a value that is no positive integer or lies above what the cluster
 *   allows
 */
export function resolveKvLimits(overrides: { readonly [P in keyof KvLimits]?: number | undefined } = {}): KvLimits {
  const updateAttempts = overrides.updateAttempts ?? defaultKvLimits.updateAttempts;
  if (!Number.isSafeInteger(updateAttempts) || updateAttempts < 1) {
    const given = typeof updateAttempts === 'number' ? updateAttempts : kindOf(updateAttempts);
    throw invalid('limits.updateAttempts', `must be an integer from 1 on, not ${given}`);
  }
  return { ...resolveLimits(overrides), updateAttempts };
}
