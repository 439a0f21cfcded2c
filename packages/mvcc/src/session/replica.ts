import type { WriteRequest, WriteResult } from '../command/operation.js';
import type { CommandOutcome } from '../command/refusal.js';

/** What is kept of one command of a session: its outcome, nothing any more, or nothing yet. */
export type KeptOutcome = CommandOutcome | 'gone' | 'not-seen';

/** The replicated sessions, as of the last applied entry. */
export interface SessionLookup {
  has(session: number): boolean;
  /** The live session that was opened with this nonce. */
  find(nonce: string): number | undefined;
  /** The highest sequence that was applied; 0 before the first. */
  lastSequence(session: number): number;
  /** What became of a command. `'gone'`: it was applied, its outcome is not kept any more. */
  outcome(session: number, sequence: number): KeptOutcome;
}

/**
 * What apply tells about sessions, in log order, after the whole entry is applied. Must not throw and must not call
 * back into apply.
 */
export interface SessionListener {
  /** `session` undefined: refused for now (a second open in one entry, or too many sessions); ask again. */
  opened(nonce: string, session: number | undefined): void;
  /**
   * A command was applied, or refused for good; also told for a duplicate, with the outcome of the first, if that is
   * kept.
   */
  settled(session: number, sequence: number, outcome: KeptOutcome): void;
  /**
   * The command of sequence `refused` was refused because the one of sequence `expected` has not been applied: send
   * again from there. Where they are the same, apply has put it off.
   */
  gap(session: number, expected: number, refused: number): void;
  /**
   * The session is not there (any more): no command of it that was not settled before this call was or ever will be
   * applied.
   */
  ended(session: number): void;
  /** A snapshot replaced the state; what was applied in between was not told one by one. */
  rebound(): void;
}

/** What a proposer needs of the replica beside it. */
export interface SessionReplica {
  readonly sessions: SessionLookup;
  /** Listeners are told in the order of these calls. */
  listen(listener: SessionListener): void;
  /**
   * Puts back what a session does not keep of a result (previous values, ranges), by running the request again on the
   * state before it.
   *
   * @throws CoterieError ERR_RESULT_GONE with outcome 'applied' when that state is compacted
   */
  recall(request: WriteRequest, kept: WriteResult): Promise<WriteResult>;
}
