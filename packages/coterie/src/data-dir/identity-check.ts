import { CoterieError } from '@coterie/errors';
import type { Random } from '@coterie/raft';
import type { LinkDirectory } from '../membership/link-directory.js';
import type { Identity } from './identity.js';

/** A directory that is nobody yet, under an incarnation that no other directory has. */
export function freshIdentity(clusterId: string, name: string, random: Random): Identity {
  const word = (): string =>
    random
      .nextInt(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return { format: 1, clusterId, name, incarnation: word() + word() + word() + word() };
}

/**
 * Who a peer is as it starts: as its directory says, or somebody new.
 *
 * A restored directory may have been made without a list of peers: the first list that it is opened with is its own
 * from then on. None of the others has founded anything, so no incarnation stands for them, and they join as new
 * members.
 */
export function settledIdentity(
  found: Identity | undefined,
  clusterId: string,
  { links, self }: LinkDirectory,
  random: Random,
): Identity {
  if (found === undefined) return freshIdentity(clusterId, self.name, random);
  if (found.memberId === undefined || found.founders !== undefined) return found;
  const founders = links.map((link) => ({
    name: link.name,
    url: link.address,
    incarnation: link === self ? found.incarnation : '',
  }));
  return { ...found, founders };
}

/**
 * A directory of somebody else is refused before anything is written to it.
 *
 * @throws CoterieError ERR_DATA_DIR_MISMATCH
 */
export function checkIdentity(identity: Identity, clusterId: string, name: string, names: readonly string[]): void {
  const mismatch = (message: string): CoterieError => new CoterieError('ERR_DATA_DIR_MISMATCH', { message });
  if (identity.clusterId !== clusterId) {
    throw mismatch(`the data directory is of the cluster '${identity.clusterId}', not of '${clusterId}'`);
  }
  if (identity.name !== name) {
    throw mismatch(`the data directory is of the member '${identity.name}', not of '${name}'`);
  }
  const founders = identity.founders?.map((founder) => founder.name).sort();
  if (founders !== undefined && founders.join('\n') !== names.join('\n')) {
    throw mismatch(`the cluster was founded by ${founders.join(', ')}; cluster.peers lists ${names.join(', ')}`);
  }
}
