/**
 * Tells a leader the commands that it has taken already: whoever submits sends what is open again and again until it is
 * settled, and without this a leader that is slow would fill its queue and its log with copies.
 *
 * Only a help: what it lets through twice must do no harm, and what it passes over must be one that this leader has in
 * its queue or in its log and will apply, if it goes on leading.
 */
export interface CommandFilter {
  /** A command has come to this leader. @returns whether it takes it; false: it has the same one already */
  take(command: Uint8Array): boolean;
  /** Another leader, role or term: what was taken may be lost. */
  forget(): void;
}
