/**
 * Deliberate faults that the simulator must find: a net that catches nothing known cannot be trusted with the unknown.
 * They live in the simulated machines, never in what is shipped.
 *
 * - `ack-before-sync`: the log says that a batch is durable as soon as it has been handed over.
 * - `no-redo`: after a restart the log hides its last entry.
 */
export const mutants = ['ack-before-sync', 'no-redo'] as const;
/** The name of a planted bug. */
export type Mutant = (typeof mutants)[number];

export function isMutant(name: string): name is Mutant {
  return (mutants as readonly string[]).includes(name);
}
