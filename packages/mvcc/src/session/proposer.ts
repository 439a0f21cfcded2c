import { CoterieError } from '@coterie/errors';
import type { Clock, Random, SubmitRefusal, SubmitResult } from '@coterie/raft';
import { decodeCommand } from '../command/decode.js';
import { encodeSkip, encodeTouch, encodeWrite, readdress } from '../command/encode.js';
import { returnsEntries } from '../command/kept-form.js';
import type { WriteRequest, WriteResult } from '../command/operation.js';
import { refusalError } from '../command/refusal.js';
import type { CallControl } from '../engine/engine.js';
import { type MvccLimits, replicatedLimits, resolveLimits } from '../limits.js';
import { Call } from './call.js';
import { OpenWindow } from './open-window.js';
import type { KeptOutcome, SessionListener, SessionReplica } from './replica.js';
import { SessionOpening } from './session-opening.js';
import {
  abortError,
  closedError,
  overloadedError,
  resultGoneError,
  sessionExpiredError,
  timeoutError,
  withOutcome,
} from './write-errors.js';

/** What a proposer stands on. */
export interface ProposerOptions {
  readonly replica: SessionReplica;
  readonly clock: Clock;
  /**
   * Draws the nonces of sessions: it must not repeat what another process, or an earlier run of this one, has drawn.
   */
  readonly random: Random;
  /**
   * Hands commands to whoever leads, in this order, best effort. The bytes must not be changed by anybody after it.
   *
   * @returns whether they were taken; if not, none of them was, they count as not submitted, and the reason is what a
   *   call ends with that was never submitted
   */
  readonly submit: (commands: readonly Uint8Array[]) => SubmitResult;
  /**
   * Whether a leader is known: a call that was never submitted ends with ERR_NO_LEADER without one. Left out: always.
   */
  readonly leaderKnown?: () => boolean;
  readonly limits?: Partial<MvccLimits>;
  /** The deadline of calls that set none, in ms; default 10,000. */
  readonly requestTimeoutMs?: number;
  /**
   * When nothing was settled for about this long, everything open is sent again; default 1,000 ms, half of it by
   * chance.
   */
  readonly resendMs?: number;
}

/** How exact deadlines are, in ms, and how often a resend may be due. */
const sweepMs = 25;
/** Two resends are at least this far apart, in ms. */
const resendGapMs = 20;
/** A quiet proposer sends again after at the most this many times `resendMs`. */
const backoffMax = 8;
/** Sweeps with nothing open after which the timer slows down. */
const quietSweeps = 40;
/** An idle session is heard of this often: four times in its life, so that three may be lost. */
const touchMs = replicatedLimits.sessionTtlMs / 4;
/** What one call of `submit` hands over at the most, besides its first command. */
const submitBytes = 1024 * 1024;
const submitCommands = 1024;

/**
 * The client side of an exactly-once session: the writes of one process.
 *
 * They are numbered in the order of the calls and apply in that order, each once, however often they are sent: what is
 * lost on the way or with a leader is sent again from the lowest open one on. A call settles when the replica beside it
 * has applied its command, so that the caller's next local read sees it. A call that ends earlier (its deadline, its
 * signal) leaves its command in its place.
 *
 * A session that ended (this process did not run for its TTL) is replaced without a trace where the log told so: a
 * command that was not settled by then can never be applied, and is issued again in a new session. Where a snapshot
 * told so, what had been submitted is ERR_SESSION_EXPIRED with outcome 'unknown'.
 */
export class Proposer implements SessionListener {
  readonly #options: ProposerOptions;
  readonly #limits: MvccLimits;
  readonly #window = new OpenWindow();
  readonly #opening: SessionOpening;
  #session = 0;
  #closed: CoterieError | undefined;

  #timer: unknown;
  #timerMs = 0;
  #quiet = 0;

  #moved = false;
  #backoff = 1;
  #resendAt = 0;
  #lastResend = -Infinity;
  #lastGap = 0;
  /** What is sent again for a gap is sent once more then, unless the gap was filled. */
  #gapRetryAt = Infinity;
  /** Why nothing was taken when it was last tried. */
  #refused: SubmitRefusal | undefined;

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#limits = resolveLimits(options.limits);
    this.#opening = new SessionOpening(options.random);
    options.replica.listen(this);
  }

  /** Operations without a known fate; those that nobody waits for any more are among them. */
  get open(): number {
    return this.#window.count;
  }

  /** Why no further operation is taken, if none is: ERR_OVERLOADED. */
  whyFull(): CoterieError | undefined {
    const { count, bytes } = this.#window;
    const full = count >= this.#limits.openOperations || bytes >= this.#limits.openBytes;
    return full ? overloadedError(count, bytes) : undefined;
  }

  /** The id of the present session; 0 while there is none. */
  get session(): number {
    return this.#session;
  }

  /**
   * Issues a write that passed `checkRequest`.
   *
   * @throws CoterieError (as a rejection, with `outcome`) the refusals of apply; ERR_OVERLOADED, ERR_TIMEOUT,
   *   ERR_NO_LEADER, ERR_ABORTED, ERR_CLOSED, ERR_SESSION_EXPIRED, ERR_RESULT_GONE
   */
  write(request: WriteRequest, control: CallControl = {}): Promise<WriteResult> {
    const { signal } = control;
    if (this.#closed !== undefined) return Promise.reject(withOutcome(this.#closed, 'not-applied'));
    if (signal?.aborted === true) return Promise.reject(abortError(signal, 'not-applied'));
    const full = this.whyFull();
    if (full !== undefined) return Promise.reject(full);
    const window = this.#window;
    const sequence = window.next;
    let bytes: Uint8Array;
    try {
      bytes = encodeWrite(this.#session, sequence, window.lowest, request);
    } catch (error) {
      return Promise.reject(error instanceof CoterieError ? withOutcome(error, 'not-applied') : (error as Error));
    }
    return new Promise((resolve, reject) => {
      const abandon = signal === undefined ? undefined : () => this.#aborted(call, signal);
      const call = new Call(resolve, reject, this.#deadline(control.timeoutMs), signal, abandon);
      window.push({ bytes, call, skipped: false });
      this.#awake();
      if (this.#session === 0) this.#openSession();
      else if (window.unsent === sequence && this.#submit([bytes])) window.sentBelow(sequence + 1);
    });
  }

  /** To be called whenever the known leader changed, also from or to none. */
  leaderChanged(): void {
    if (this.#closed !== undefined) return;
    this.#backoff = 1;
    this.#resendSoon();
  }

  /**
   * Settles every call, stops the timer; idempotent. What was submitted may still be applied.
   *
   * @param reason default ERR_CLOSED; its outcome is set for each call
   */
  close(reason: CoterieError = closedError()): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#setTimer(0);
    const sent = this.#window.unsent - this.#window.lowest;
    this.#window.restart().forEach(({ call }, at) => {
      call?.reject(withOutcome(reason, at < sent ? 'unknown' : 'not-applied'));
    });
  }

  // ------------------------------------------------------------------------------------------ what the replica tells

  opened(nonce: string, session: number | undefined): void {
    if (this.#closed !== undefined || nonce !== this.#opening.nonce) return;
    if (session === undefined) {
      this.#resendAt = this.#options.clock.now() + resendGapMs * (1 + this.#chance());
      return;
    }
    if (this.#options.replica.sessions.lastSequence(session) > 0) {
      // Nothing of ours was sent in it yet: somebody drew the same nonce, say an earlier run of this process with the
      // same seed. Its commands would pass for ours and ours for duplicates of them.
      this.#submit([this.#opening.begin()]);
      this.#postponeResend();
      return;
    }
    this.#opening.done();
    this.#session = session;
    const window = this.#window;
    for (let sequence = window.lowest; sequence < window.next; sequence++) {
      readdress(window.at(sequence).bytes, session, sequence, window.lowest);
    }
    this.#lastGap = 0;
    this.#moved = true;
    this.#submitFrom(window.unsent);
  }

  settled(session: number, sequence: number, outcome: KeptOutcome): void {
    const window = this.#window;
    if (session !== this.#session || this.#closed !== undefined) return;
    if (sequence < window.lowest || sequence >= window.next) return;
    // In the order of the log nothing is ever passed over; after a snapshot `rebound` has settled what was.
    while (window.lowest < sequence) this.#settleLowest(this.#options.replica.sessions.outcome(session, window.lowest));
    this.#settleLowest(outcome);
    this.#moved = true;
    if (sequence >= this.#lastGap) this.#gapRetryAt = Infinity;
  }

  gap(session: number, expected: number): void {
    if (session !== this.#session || this.#closed !== undefined) return;
    // One resend answers all the refusals of commands that were on their way: the later ones name the same gap.
    const now = this.#options.clock.now();
    if (expected === this.#lastGap && now - this.#lastResend < this.#resendMs / 4) return;
    this.#lastGap = expected;
    this.#resendSoon();
    // A leader that has not applied this entry yet holds what it has taken for under way, and passes over it.
    this.#gapRetryAt = now + this.#resendMs / 8;
  }

  ended(session: number): void {
    if (session !== this.#session || this.#closed !== undefined) return;
    this.#renew(false);
  }

  rebound(): void {
    if (this.#closed !== undefined) return;
    const { sessions } = this.#options.replica;
    if (this.#session === 0) {
      const { nonce } = this.#opening;
      const session = nonce === undefined ? undefined : sessions.find(nonce);
      if (nonce !== undefined && session !== undefined) this.opened(nonce, session);
      return;
    }
    if (!sessions.has(this.#session)) {
      this.#renew(true);
      return;
    }
    const last = sessions.lastSequence(this.#session);
    while (this.#window.count > 0 && this.#window.lowest <= last) {
      this.#settleLowest(sessions.outcome(this.#session, this.#window.lowest), true);
    }
    this.#resendSoon();
  }

  // ---------------------------------------------------------------------------------------------------------- settling

  /** @param stripped the outcome comes from the session table, which keeps no entries */
  #settleLowest(outcome: KeptOutcome, stripped = false): void {
    const { call, bytes } = this.#window.shift();
    if (call === undefined) return;
    if (outcome === 'gone' || outcome === 'not-seen') {
      call.reject(resultGoneError());
      return;
    }
    if (outcome.kind === 'refused') {
      call.reject(refusalError(outcome));
      return;
    }
    if (!stripped) {
      call.resolve(outcome);
      return;
    }
    this.#recall(call, bytes, outcome);
  }

  #recall(call: Call, bytes: Uint8Array, kept: WriteResult): void {
    const command = decodeCommand(bytes);
    if (command.kind !== 'write' || !returnsEntries(command.request)) {
      call.resolve(kept);
      return;
    }
    this.#options.replica.recall(command.request, kept).then(
      (result) => call.resolve(result),
      (error: unknown) => call.reject(error instanceof CoterieError ? withOutcome(error, 'applied') : error),
    );
  }

  #aborted(call: Call, signal: AbortSignal): void {
    const window = this.#window;
    for (let sequence = window.lowest; sequence < window.next; sequence++) {
      if (window.at(sequence).call !== call) continue;
      this.#abandon(sequence, (outcome) => abortError(signal, outcome));
      window.dropSkippedTail();
      return;
    }
  }

  /** Ends a call before the fate of its command is known. */
  #abandon(sequence: number, error: (outcome: 'unknown' | 'not-applied') => CoterieError): void {
    const command = this.#window.at(sequence);
    const sent = sequence < this.#window.unsent;
    const { call } = command;
    command.call = undefined;
    if (!sent) {
      command.skipped = true;
      this.#window.replace(sequence, encodeSkip(this.#session, sequence, this.#window.lowest));
    }
    call?.reject(error(sent ? 'unknown' : 'not-applied'));
  }

  // ----------------------------------------------------------------------------------------------------------- session

  #openSession(): void {
    if (this.#opening.nonce !== undefined) return;
    this.#submit([this.#opening.begin()]);
    this.#postponeResend();
  }

  /**
   * The session is gone: what is open moves to a new one, in order.
   *
   * @param unknown a snapshot hides what happened before the end, so what was submitted may or may not have been
   *   applied
   */
  #renew(unknown: boolean): void {
    const window = this.#window;
    const sent = window.unsent - window.lowest;
    this.#session = 0;
    for (const [at, command] of window.restart().entries()) {
      if (command.call === undefined) continue;
      if (unknown && at < sent) {
        command.call.reject(sessionExpiredError());
        continue;
      }
      // What was handed out may still be under way: those bytes are not ours to change.
      const bytes = at < sent ? new Uint8Array(command.bytes) : command.bytes;
      readdress(bytes, 0, window.next, window.lowest);
      window.push({ ...command, bytes });
    }
    if (window.count > 0) this.#openSession();
  }

  // ----------------------------------------------------------------------------------------------------------- sending

  #resendSoon(): void {
    const now = this.#options.clock.now();
    if (now - this.#lastResend >= resendGapMs) this.#resend(now);
    else this.#resendAt = Math.min(this.#resendAt, now);
  }

  #resend(now: number): void {
    this.#lastResend = now;
    this.#gapRetryAt = Infinity;
    this.#postponeResend(now);
    if (this.#session !== 0) this.#submitFrom(this.#window.lowest);
    else if (this.#opening.nonce !== undefined) this.#submit([this.#opening.again()]);
    else if (this.#window.count > 0) this.#openSession();
  }

  #postponeResend(now = this.#options.clock.now()): void {
    this.#resendAt = now + this.#resendMs * this.#backoff * (0.75 + this.#chance() / 2);
  }

  #submit(commands: readonly Uint8Array[]): boolean {
    const result = this.#options.submit(commands);
    this.#refused = result.ok ? undefined : result.reason;
    return result.ok;
  }

  get #whyNotSubmitted(): SubmitRefusal | undefined {
    return this.#options.leaderKnown?.() === false ? 'noLeader' : this.#refused;
  }

  /** Hands out everything from a sequence on, in batches, until one is not taken. */
  #submitFrom(first: number): void {
    const window = this.#window;
    let sequence = first;
    while (sequence < window.next) {
      const batch: Uint8Array[] = [];
      let bytes = 0;
      for (; sequence < window.next && batch.length < submitCommands && bytes < submitBytes; sequence++) {
        const command = window.at(sequence).bytes;
        batch.push(command);
        bytes += command.length;
      }
      if (!this.#submit(batch)) return;
      window.sentBelow(sequence);
    }
  }

  // -------------------------------------------------------------------------------------------------------------- time

  get #resendMs(): number {
    return this.#options.resendMs ?? 1_000;
  }

  #deadline(timeoutMs: number | undefined): number {
    const limit = timeoutMs ?? this.#options.requestTimeoutMs ?? 10_000;
    return limit === 0 ? Infinity : this.#options.clock.now() + limit;
  }

  /** In [0, 1), in steps of a thousandth. */
  #chance(): number {
    return this.#options.random.nextInt(1_000) / 1_000;
  }

  #awake(): void {
    this.#quiet = 0;
    if (this.#timerMs === sweepMs) return;
    this.#setTimer(sweepMs);
    this.#postponeResend();
  }

  /** @param ms 0: no timer */
  #setTimer(ms: number): void {
    const { clock } = this.#options;
    if (this.#timerMs !== 0) clock.clearInterval(this.#timer);
    this.#timerMs = ms;
    this.#timer = ms === 0 ? undefined : clock.setInterval(() => this.#tick(), ms);
  }

  #tick(): void {
    if (this.#window.count > 0) {
      this.#sweep();
      return;
    }
    if (this.#timerMs === touchMs) {
      if (this.#session !== 0) this.#submit([encodeTouch(this.#session, this.#window.lowest)]);
      return;
    }
    this.#quiet++;
    if (this.#quiet >= quietSweeps) this.#setTimer(this.#session === 0 ? 0 : touchMs);
  }

  #sweep(): void {
    const window = this.#window;
    const now = this.#options.clock.now();
    for (let sequence = window.lowest; sequence < window.next; sequence++) {
      const { call } = window.at(sequence);
      if (call !== undefined && call.deadline <= now)
        this.#abandon(sequence, (outcome) => timeoutError(outcome, this.#whyNotSubmitted));
    }
    window.dropSkippedTail();
    if (this.#moved) {
      this.#moved = false;
      this.#backoff = 1;
      this.#postponeResend(now);
    }
    if (this.#session !== 0 && window.unsent < window.next) this.#submitFrom(window.unsent);
    if (now < Math.min(this.#resendAt, this.#gapRetryAt)) return;
    if (now >= this.#resendAt) this.#backoff = Math.min(this.#backoff * 2, backoffMax);
    this.#resend(now);
  }
}
