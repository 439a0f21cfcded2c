/**
 * Raft for Node.js: a pure core, a thin driver and the small interfaces between them and the world.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { MemoryNetwork, type TransportHandler } from '@coterie/raft';
 *
 * const network = new MemoryNetwork({ faults: { loss: 0.1 } });
 * const transport = network.transport();
 * const handler: TransportHandler = {
 *   self: { id: 1, name: 'a', address: 'memory:1' },
 *   clusterId: 'example',
 *   onMessages: () => undefined,
 *   onBytes: (from, bytes) => console.log(from, bytes.length),
 *   onSnapshot: () => Promise.reject(new Error('no snapshots here')),
 *   onUnreachable: () => undefined,
 * };
 * await transport.start(handler);
 * await transport.close();
 * ```
 */
export { decodeConfChange, encodeConfChange } from './core/conf-change.js';
export { defaultCoreConfig, validateCoreConfig } from './core/config.js';
export { RaftCore } from './core/core.js';
export type * from './core/messages.js';
export type * from './core/ready.js';
export type { Trace, TraceConfChange, TraceEvent, TraceMessage, TraceName } from './core/trace.js';
export type * from './ports/clock.js';
export type * from './ports/command-filter.js';
export type * from './ports/log-storage.js';
export type * from './ports/observer.js';
export type * from './ports/snapshot-store.js';
export type * from './ports/state-machine.js';
export type * from './ports/transport.js';
export { SystemClock, systemRandom, systemTurns, systemWall } from './ports/system-ports.js';
export { MemoryLogStorage, type MemoryLogStorageOptions } from './memory/index.js';
export { MemorySnapshotStore, type KeptSnapshot, type MemorySnapshotStoreOptions } from './memory/index.js';
export { MemoryStateMachine, type MemoryStateMachineOptions } from './memory/index.js';
export { MemoryNetwork, type MemoryNetworkOptions, type NetworkCounters, type NetworkFaults } from './memory/index.js';
export { foundingBatch } from './node/bootstrap.js';
export { clusterAtEnd, everybodyIn, forcedBatch } from './node/forced-recovery.js';
export { completeNodeOptions, defaultNodeOptions, type NodeOptions } from './node/options.js';
export type { NodeParts } from './node/node-parts.js';
export { RaftNode, type ChangeResult } from './node/raft-node.js';
export { SnapshotReception } from './node/snapshot-reception.js';
export type { SubmitRefusal, SubmitResult } from './node/command-intake.js';
export type { ReadPolicy, ReadWaiter } from './node/reads.js';
