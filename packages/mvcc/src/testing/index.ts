/**
 * What tests of durable code need: a simulated disk that loses, tears, fails and fills up, from one seed and in virtual
 * time.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { SimDisk } from '@coterie/mvcc/testing';
 *
 * const disk = new SimDisk({ random: { nextInt: (n) => n - 1 }, schedule: (_latencyMs, fn) => fn() });
 * const file = disk.files.open('a', 'create');
 * disk.files.write(file, Uint8Array.of(1, 2, 3), 0);
 * disk.crash(); // neither the bytes nor the name were synced
 * ```
 */
export { SimDisk, SimulatedStop, type DiskCounters, type DiskFaults, type SimDiskOptions } from '../files/sim-disk.js';
export type { DiskOperation, DiskSaboteur, DiskStrike } from '../files/sim-strike.js';
export type { OrderedOperation, OrderedSaboteur } from '../store/model-faults.js';
export { ModelOrderedStores, type Complete } from '../store/model-ordered-store.js';
export { kvSuite, type KvUnderTest, type Register, type Suite } from './kv-suite.js';
export { ModelEngine, type ModelEngineOptions } from './model-engine.js';
