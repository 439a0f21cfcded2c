import { diskPorts } from '@coterie/mvcc';
import { PortStorage } from './port-storage.js';
import type { PeerStorage } from './storage.js';

/** A data directory on a real disk. @param checkpointBytes default: the store's own */
export function diskStorage(dataDir: string, checkpointBytes: number | undefined): PeerStorage {
  return new PortStorage(diskPorts(dataDir, checkpointBytes));
}
