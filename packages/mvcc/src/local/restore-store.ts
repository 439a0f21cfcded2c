import { checkSource, readAll, type ByteSource } from '../backup/byte-streams.js';
import { checkedBump, restoreDirectory, type RestoreReport } from '../backup/restore-directory.js';
import { DataDir } from '../data-dir/data-dir.js';
import { diskPorts, type DataDirPorts } from '../data-dir/data-dir-ports.js';
import { invalid } from '../kv/arguments.js';
import { callControl } from '../kv/call-control.js';
import type { CallOptions } from '../kv/call-options.js';
import { freshLocalIdentity, localLogOwner } from './local-identity.js';
import { localLogName } from './open-replica.js';
import { localRandom } from './system-ports.js';

/** What {@link restoreStore} takes beside the backup. */
export interface RestoreStoreOptions extends CallOptions {
  /** A directory that holds no data yet; made when it is missing. */
  readonly dir: string;
  /** How far revisions go on behind those of the backup. Default 1,000,000,000; `docs/backup-format.md` says why. */
  readonly bumpRevisions?: number | undefined;
}

/**
 * Makes the directory of a store of a backup, of a store or of a peer. Everything is checked before the directory can
 * be opened; a restore that fails leaves nothing that opens.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT, also for a directory that holds data; ERR_DATA_DIR_IN_USE; ERR_CORRUPT for
 *   a backup that was cut or changed; ERR_STORAGE, ERR_TIMEOUT, ERR_ABORTED
 */
export async function restoreStore(from: ByteSource, options: RestoreStoreOptions): Promise<RestoreReport> {
  const { dir, bumpRevisions, signal, timeoutMs } = options;
  if (typeof dir !== 'string' || dir === '' || dir.includes('\0'))
    throw invalid('dir', 'must be the path of a directory');
  return restoreStoreAt(from, diskPorts(dir, undefined), { bumpRevisions, signal, timeoutMs });
}

/** As {@link restoreStore}, on given disks. */
export async function restoreStoreAt(
  from: ByteSource | AsyncIterable<Uint8Array>,
  ports: DataDirPorts,
  options: Omit<RestoreStoreOptions, 'dir'>,
): Promise<RestoreReport> {
  checkSource(from);
  const control = callControl({ signal: options.signal, timeoutMs: options.timeoutMs });
  const identity = freshLocalIdentity(localRandom);
  return restoreDirectory({
    dir: new DataDir(ports),
    dirArgument: 'dir',
    chunks: readAll(from, control),
    bumpRevisions: checkedBump(options.bumpRevisions),
    signal: control.signal,
    owner: () => ({
      identity: { ...identity, ready: true },
      logName: localLogName,
      logOwner: localLogOwner(identity),
    }),
  });
}
