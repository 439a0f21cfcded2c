import { CoterieError } from '@coterie/errors';
import { crc32c } from '@coterie/mvcc';

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

/** One line of JSON and one line with its CRC-32C, so that a torn or flipped file is told from an empty directory. */
export function encodeIdentity(identity: Identity): Uint8Array {
  const json = JSON.stringify(identity);
  const body = Buffer.from(json, 'utf8');
  return Buffer.from(`${json}\n${crc32c(body).toString(16).padStart(8, '0')}\n`, 'utf8');
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeIdentity(bytes: Uint8Array): Identity {
  const [json = '', sum = ''] = Buffer.from(bytes).toString('utf8').split('\n');
  if (crc32c(Buffer.from(json, 'utf8')).toString(16).padStart(8, '0') !== sum) {
    throw new CoterieError('ERR_CORRUPT', { message: 'the identity file of the data directory fails its checksum' });
  }
  const identity = JSON.parse(json) as Identity;
  if (identity.format !== 1 || typeof identity.name !== 'string' || typeof identity.incarnation !== 'string') {
    throw new CoterieError('ERR_CORRUPT', {
      message: `the identity file has the unknown format ${String(identity.format)}`,
    });
  }
  return identity;
}
