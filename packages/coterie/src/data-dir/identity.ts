import { CoterieError } from '@coterie/errors';

/** A founder of a cluster, bound to one incarnation of its data directory. */
export interface Founder {
  readonly name: string;
  readonly url: string;
  readonly incarnation: string;
}

/**
 * Who a data directory is. It changes only forward: a fresh incarnation, then a promise, then a membership.
 *
 * `uid` is the cluster's random number; two clusters of one name are told apart by it. The incarnation is drawn when
 * the directory is made, and is durable before the first word to others: a wiped disk is somebody new.
 */
export interface Identity {
  readonly format: 1;
  readonly clusterId: string;
  readonly name: string;
  readonly incarnation: string;
  /** The cluster that this directory promised to join, or is a member of. */
  readonly uid?: number;
  /** Present once it is a member. */
  readonly memberId?: number;
  /** Present on members: who founded the cluster, so that a founder that was away can still take its place. */
  readonly founders?: readonly Founder[];
  /**
   * Which log counts; left out: the first. A recovery by force writes a new one beside the old and makes it count with
   * this number, so that log and cluster change in one atomic step.
   */
  readonly log?: number;
}

/** @throws CoterieError ERR_DATA_DIR_MISMATCH for the directory of a store without a cluster; ERR_CORRUPT */
export function parseIdentity(found: Readonly<Record<string, unknown>>, dir: string): Identity {
  if (typeof found['store'] === 'string') {
    throw new CoterieError('ERR_DATA_DIR_MISMATCH', {
      message: `${dir} is of a store that was opened with openStore(), not of a peer`,
    });
  }
  if (typeof found['name'] === 'string' && typeof found['incarnation'] === 'string')
    return found as unknown as Identity;
  throw new CoterieError('ERR_CORRUPT', { message: `the identity file in ${dir} names no member` });
}
