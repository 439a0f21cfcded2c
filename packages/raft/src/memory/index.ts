/** The in-memory network: for tests, simulations and clusters inside one process. */
export { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.js';
export type { NetworkCounters, NetworkFaults } from './network-faults.js';
