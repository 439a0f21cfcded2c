/**
 * Conformance suites for authors of transports, logs, state machines and snapshot stores; chance and time for
 * simulations.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { MemoryNetwork } from '@coterie/raft';
 * import { transportSuite } from '@coterie/raft/testing';
 *
 * const network = new MemoryNetwork();
 * const suite = transportSuite(async () => network.transport());
 * await suite.tests[0]?.run();
 * ```
 */
export { logStorageSuite } from './log-storage-suite.js';
export type { LogPlace } from './log-user.js';
export { snapshotStoreSuite } from './snapshot-store-suite.js';
export { stateMachineSuite } from './state-machine-suite.js';
export type { MachineMaker, MachinePlace, OpenedMachine } from './machine-user.js';
export type { Suite } from './suite.js';
export { transportSuite, type TransportSuiteOptions } from './transport-suite.js';
export { formatTraceEvent } from './trace-lines.js';
export { mutateBytes } from './mutate-bytes.js';
export { SeededRandom } from './seeded-random.js';
export { ProcessTime } from './process-time.js';
export { VirtualTime } from './virtual-time.js';
