import type { CoterieError } from '@coterie/errors';
import { noSpaceError } from '../files/storage-error.js';

/** What may find a disk full. */
export interface SpaceTakers {
  readonly machine: { readonly noSpace: CoterieError | undefined };
  readonly log: { readonly outOfSpace: boolean };
}

/** What finds no room on the disk just now, if anything does: the next segment of the log, or a checkpoint. */
export function whyNoSpace({ machine, log }: SpaceTakers): CoterieError | undefined {
  return log.outOfSpace ? noSpaceError('the disk has no room for the next segment of the log') : machine.noSpace;
}
