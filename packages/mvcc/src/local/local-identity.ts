import { CoterieError } from '@coterie/errors';
import type { Random } from '@coterie/raft';

/** Whose a directory of `openStore` is. */
export interface LocalIdentity {
  readonly format: 1;
  /** Drawn when the directory is made: a log that was copied here from another store is refused. */
  readonly store: string;
  /** The log was made: from then on a missing one is damage. */
  readonly ready?: true;
}

export function freshLocalIdentity(random: Random): LocalIdentity {
  let store = '';
  for (let at = 0; at < 4; at++) {
    store += random
      .nextInt(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  }
  return { format: 1, store };
}

/**
 * @returns undefined for the directory of nobody
 * @throws CoterieError ERR_DATA_DIR_MISMATCH for the directory of a peer; ERR_CORRUPT
 */
export function localIdentity(
  found: Readonly<Record<string, unknown>> | undefined,
  dir: string,
): LocalIdentity | undefined {
  if (found === undefined) return undefined;
  if (typeof found['store'] === 'string') return found as unknown as LocalIdentity;
  if (typeof found['incarnation'] === 'string') {
    throw new CoterieError('ERR_DATA_DIR_MISMATCH', {
      message: `${dir} is of the peer '${String(found['name'])}' of a cluster, not of a store; open it with openPeer()`,
    });
  }
  throw new CoterieError('ERR_CORRUPT', { message: `the identity file in ${dir} names no store` });
}

/** The owner of the log. */
export function localLogOwner(identity: LocalIdentity): Uint8Array {
  return Buffer.from(JSON.stringify([1, 'store', identity.store]), 'utf8');
}
