import { CoterieError } from '@coterie/errors';
import {
  checkedBump,
  checkSource,
  DataDir,
  diskPorts,
  readAll,
  restoreDirectory,
  type ByteSource,
  type CallOptions,
  type DataDirPorts,
  type RestoreOwner,
  type RestoreReport,
} from '@coterie/mvcc';
import { systemRandom, type Random } from '@coterie/raft';
import { freshIdentity } from '../data-dir/identity-check.js';
import type { Identity } from '../data-dir/identity.js';
import { logMetadata } from '../data-dir/log-metadata.js';
import { encodeMember } from '../membership/member-record.js';
import { checkPeerOptions } from '../options.js';

/** What {@link restoreBackup} takes beside the backup. */
export interface RestoreOptions extends CallOptions {
  /** A directory that holds no data yet; made when it is missing. */
  readonly dataDir: string;
  /** The name of the peer that will run on it. */
  readonly name: string;
  /**
   * The id of the cluster that begins here. With `peers` (or `solo`) only that list opens it; without, the list that it
   * is first opened with becomes its own.
   */
  readonly cluster: {
    readonly id: string;
    readonly peers?: Readonly<Record<string, string>> | undefined;
    readonly solo?: true | undefined;
  };
  /** How far revisions go on behind those of the backup. Default 1,000,000,000; `docs/backup-format.md` says why. */
  readonly bumpRevisions?: number | undefined;
}

/**
 * Makes a data directory of a backup, of a peer or of a store: the first member of a new cluster. Restore on one peer
 * only, and start the others of the list on empty directories: they join it.
 *
 * Everything is checked before the directory can be opened; a restore that fails leaves nothing that opens, and one
 * that was interrupted can be run again.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT, also for a directory that holds data; ERR_DATA_DIR_IN_USE; ERR_CORRUPT for
 *   a backup that was cut or changed; ERR_STORAGE, ERR_TIMEOUT, ERR_ABORTED
 */
export async function restoreBackup(from: ByteSource, options: RestoreOptions): Promise<RestoreReport> {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'must be an object');
  const { dataDir } = options;
  if (typeof dataDir !== 'string' || dataDir === '' || dataDir.includes('\0')) {
    throw invalid('dataDir', 'must be the path of a directory');
  }
  return restoreBackupAt(from, diskPorts(dataDir, undefined), systemRandom, options);
}

/** As {@link restoreBackup}, on given disks. */
export async function restoreBackupAt(
  from: ByteSource | AsyncIterable<Uint8Array>,
  ports: DataDirPorts,
  random: Random,
  { name, cluster, bumpRevisions, signal, timeoutMs }: Omit<RestoreOptions, 'dataDir'>,
): Promise<RestoreReport> {
  checkSource(from);
  checkCluster(name, cluster);
  const fresh = freshIdentity(cluster.id, name, random);
  // Another uid than any before: members of the old cluster speak of another one, and are told so.
  const uid = 1 + random.nextInt(2 ** 47);
  return restoreDirectory({
    dir: new DataDir(ports),
    dirArgument: 'dataDir',
    chunks: readAll(from, { signal, timeoutMs }),
    bumpRevisions: checkedBump(bumpRevisions),
    signal,
    owner: ({ index }) => owner(fresh, uid, index, cluster),
  });
}

/** A member's id is the index of the entry that added it: here, of the one that the restored log begins behind. */
function owner(
  fresh: Identity,
  uid: number,
  memberId: number,
  { peers, solo }: RestoreOptions['cluster'],
): RestoreOwner {
  const { name, incarnation } = fresh;
  const url = peers?.[name] ?? '';
  const listed = peers ?? (solo === true ? { [name]: '' } : undefined);
  const founders =
    listed === undefined
      ? undefined
      : Object.keys(listed)
          .sort()
          .map((each) => ({ name: each, url: listed[each]!, incarnation: each === name ? incarnation : '' }));
  const identity: Identity = { ...fresh, uid, memberId, ...(founders === undefined ? {} : { founders }) };
  return {
    identity,
    logName: 'wal',
    logOwner: logMetadata(identity),
    cluster: {
      conf: { voters: [memberId], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
      members: [{ id: memberId, data: encodeMember({ name, url, incarnation }) }],
    },
  };
}

/** As the options of the peer that will run on it. */
function checkCluster(name: string, cluster: RestoreOptions['cluster']): void {
  const given = (cluster as RestoreOptions['cluster'] | undefined) ?? { id: '' };
  if (given.peers === undefined) {
    checkPeerOptions({ name, cluster: { id: given.id, solo: given.solo ?? true } });
  } else {
    checkPeerOptions({ name, cluster: { ...given, peers: given.peers, solo: undefined }, listen: { port: 0 } });
    if (given.solo !== undefined) throw invalid('cluster', 'takes one of peers and solo');
  }
}

function invalid(argument: string, reason: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument} ${reason}`, argument });
}
