import { memoryPorts } from '@coterie/mvcc';
import { PortStorage } from './port-storage.js';
import type { PeerStorage } from './storage.js';

/** A data directory in memory, for tests: it ends with its process, so a restart is a wiped disk. */
export function memoryStorage(): PeerStorage {
  return new PortStorage(memoryPorts());
}
