import { CoterieError } from '@coterie/errors';
import type { Random } from '@coterie/raft';
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
