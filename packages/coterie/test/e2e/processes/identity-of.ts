import { DataDir, diskPorts } from '@coterie/mvcc';
import { parseIdentity, type Identity } from '../../../src/data-dir/identity.js';
import type { PeerCluster } from './peer-cluster.js';

/** Who a peer's data directory says that it is. */
export function identityOf(cluster: PeerCluster, name: string): Identity {
  const dir = cluster.dataDir(name);
  return parseIdentity(new DataDir(diskPorts(dir, undefined)).identity() ?? {}, dir);
}
