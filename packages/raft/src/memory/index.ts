/** The in-memory network and log: for tests, simulations and clusters inside one process. */
export { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.js';
export { MemoryLogStorage, type MemoryLogStorageOptions } from './memory-log-storage.js';
export type { NetworkCounters, NetworkFaults } from './network-faults.js';
