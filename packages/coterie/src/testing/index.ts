/**
 * The whole stack in virtual time: clusters of real peers on simulated disks, networks and clocks, one seed a run.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import { runSeed } from 'coterie/testing';
 *
 * const report = await runSeed(1, { simulatedMs: 5000 });
 * console.log(report.problems, report.eventHash);
 * ```
 */
export { runSeed, type SimReport } from './sim-run.js';
export type { SimOptions, SimParameters } from './sim-swarm.js';
