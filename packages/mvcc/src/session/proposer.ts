import type { Clock, Random } from '@coterie/raft';
import type { CoterieError } from '@coterie/errors';
import type { CallControl } from '../engine/engine.js';
import type { WriteRequest, WriteResult } from '../command/operation.js';
import type { MvccLimits } from '../limits.js';
import type { KeptOutcome, SessionListener, SessionReplica } from './replica.js';

export interface ProposerOptions {
  readonly replica: SessionReplica;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Hands commands to whoever leads, in this order, best effort.
   * @returns false when they were not taken at all (no leader, queue full): then they count as never submitted
   */
  readonly submit: (commands: readonly Uint8Array[]) => boolean;
  /** Whether a leader is known: decides between ERR_NO_LEADER and ERR_TIMEOUT for a call that was never submitted. Default: it is. */
  readonly leaderKnown?: () => boolean;
  readonly limits?: Partial<MvccLimits>;
  /** The deadline of calls that set none, in ms; default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Without any settlement for this long everything open is sent again; default 1,000, a half more or less by chance. */
  readonly resendMs?: number;
}

/** The client side of an exactly-once session: the writes of one process, in call order. */
export declare class Proposer implements SessionListener {
  constructor(options: ProposerOptions);
  /** Operations without a known fate. */
  readonly open: number;
  write(request: WriteRequest, control?: CallControl): Promise<WriteResult>;
  /** To be called whenever the known leader changed (also to or from none). */
  leaderChanged(): void;
  /** Settles every call with ERR_CLOSED (or `reason`), stops the timer; idempotent. */
  close(reason?: CoterieError): void;
  opened(nonce: string, session: number | undefined): void;
  settled(session: number, sequence: number, outcome: KeptOutcome): void;
  gap(session: number, expected: number): void;
  ended(session: number): void;
  rebound(): void;
}
