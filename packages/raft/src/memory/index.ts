/** Network, log, snapshots and state machine in memory: for tests, simulations and clusters inside one process. */
export { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.js';
export { MemoryLogStorage, type MemoryLogStorageOptions } from './memory-log-storage.js';
export { MemorySnapshotStore, type KeptSnapshot, type MemorySnapshotStoreOptions } from './memory-snapshot-store.js';
export { MemoryStateMachine, type MemoryStateMachineOptions } from './memory-state-machine.js';
export type { NetworkCounters, NetworkFaults } from './network-faults.js';
