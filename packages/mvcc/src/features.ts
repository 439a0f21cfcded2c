import type { WriteRequest } from './command/operation.js';

/**
 * What apply knows how to do grows in levels. A level is for ever: what a log says at it, it says on every build that
 * knows it. The level in force is replicated state and rises only when every member knows the next one, so a build
 * never meets what it does not know, and a rolling deploy may stop half-way.
 */
export const featureLevels = {
  /** Keys, transactions, sessions, compaction. */
  base: 1,
  /** Quotas refuse, and can be set. */
  quotas: 2,
} as const;

/** The level that a new cluster begins at. */
export const firstFeatureLevel: number = featureLevels.base;

/** The highest level that this build knows. */
export const newestFeatureLevel: number = featureLevels.quotas;

/** The level from which on a request means something. Below it, it is bytes that nobody can read. */
export function levelOf(request: WriteRequest): number {
  switch (request.kind) {
    case 'setQuota':
    case 'removeQuota':
    case 'countQuota':
      return featureLevels.quotas;
    default:
      return featureLevels.base;
  }
}
