import type { LeaseHandle, WriteRequest } from './operation.js';

/**
 * What a log entry carries: one of these a command.
 *
 * `session` is the id of an open session, `sequence` the number of the command in it (from 1), `ackedBelow` the lowest
 * sequence whose outcome the proposer still wants to know: what lies below need not be kept.
 */
export type Command =
  | { readonly kind: 'openSession'; readonly nonce: string }
  | {
      readonly kind: 'write';
      readonly session: number;
      readonly sequence: number;
      readonly ackedBelow: number;
      readonly request: WriteRequest;
    }
  | { readonly kind: 'skip'; readonly session: number; readonly sequence: number; readonly ackedBelow: number }
  | { readonly kind: 'touch'; readonly session: number; readonly ackedBelow: number }
  | { readonly kind: 'endSession'; readonly session: number }
  | { readonly kind: 'expireLeases'; readonly leases: readonly LeaseHandle[] };

/** Commands that take a place in the order of their session. */
export type SequencedCommand = Extract<Command, { readonly sequence: number }>;

/** The version of the encoding, the first byte of each command. */
export const commandFormat = 1;

/** One character a byte, drawn by the process that opens a session: two that draw the same would share it. */
export const nonceLength = 16;

/** The second byte of a command. */
export const commandTag = { openSession: 1, write: 2, skip: 3, touch: 4, endSession: 5, expireLeases: 6 } as const;

/**
 * Format and tag, then session, sequence and ackedBelow in six bytes each: fixed, so that they can be set again in
 * place.
 */
export const sequencedHeadBytes = 20;
