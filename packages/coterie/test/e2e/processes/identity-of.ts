import fs from 'node:fs';
import path from 'node:path';
import { decodeIdentity, type Identity } from '../../../src/data-dir/identity.js';
import type { PeerCluster } from './peer-cluster.js';

/** Who a peer's data directory says that it is. */
export function identityOf(cluster: PeerCluster, name: string): Identity {
  return decodeIdentity(fs.readFileSync(path.join(cluster.dataDir(name), 'IDENTITY')));
}
