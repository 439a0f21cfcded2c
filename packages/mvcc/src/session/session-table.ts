import { invariant } from '@coterie/errors';
import { ByteReader, corrupt } from '../command/byte-reader.js';
import { ByteWriter } from '../command/byte-writer.js';
import { nonceLength } from '../command/command.js';
import { readOutcome, writeOutcome } from '../command/outcome-codec.js';
import type { CommandOutcome } from '../command/refusal.js';
import { replicatedLimits } from '../limits.js';
import { KeptOutcomes } from './kept-outcomes.js';
import type { KeptOutcome, SessionLookup } from './replica.js';

const format = 1;

interface Session {
  readonly id: number;
  readonly nonce: string;
  /** The highest sequence applied. */
  last: number;
  /** Outcomes below it are not wanted any more. */
  ackedBelow: number;
  /** Log time of the last command. */
  contactMs: number;
  readonly outcomes: KeptOutcomes;
}

/** Where a sequenced command stands in its session. */
export type Place = 'next' | 'duplicate' | 'gap' | 'no-session';

/**
 * The exactly-once sessions of the cluster: replicated state, changed by apply alone.
 *
 * A session is opened by a log entry, whose index is its id, so ids are never used again; a command of an id that is
 * not here is refused for good. The commands of a session apply in sequence, without a gap, each once (Raft thesis
 * §6.3).
 */
export class SessionTable implements SessionLookup {
  /** In the order of opening, which is the order of ids, on every member. */
  readonly #sessions = new Map<number, Session>();
  readonly #byNonce = new Map<string, Session>();

  /** @throws CoterieError ERR_CORRUPT */
  static decode(bytes: Uint8Array): SessionTable {
    const table = new SessionTable();
    if (bytes.length === 0) return table;
    const from = new ByteReader(bytes);
    const found = from.u8();
    if (found !== format) throw corrupt(`format ${found} of a session table`);
    for (let count = from.uint(replicatedLimits.sessions); count > 0; count--) {
      const session = readSession(from);
      if (table.has(session.id) || table.find(session.nonce) !== undefined)
        throw corrupt('a session stands here twice');
      table.#add(session);
    }
    from.end();
    return table;
  }

  encode(): Uint8Array {
    const out = new ByteWriter(1024);
    out.u8(format);
    out.uint(this.#sessions.size);
    for (const session of this.#sessions.values()) {
      out.uint(session.id);
      out.text(session.nonce);
      out.uint(session.last);
      out.uint(session.ackedBelow);
      out.f64(session.contactMs);
      out.uint(session.outcomes.count);
      for (const outcome of session.outcomes) writeOutcome(out, outcome);
    }
    return out.finish();
  }

  get size(): number {
    return this.#sessions.size;
  }

  has(session: number): boolean {
    return this.#sessions.has(session);
  }

  find(nonce: string): number | undefined {
    return this.#byNonce.get(nonce)?.id;
  }

  lastSequence(session: number): number {
    return this.#sessions.get(session)?.last ?? 0;
  }

  outcome(id: number, sequence: number): KeptOutcome {
    const session = this.#sessions.get(id);
    if (session === undefined || sequence > session.last) return 'not-seen';
    return session.outcomes.at(session.last - sequence) ?? 'gone';
  }

  /** @returns the id, or undefined when there are too many sessions */
  open(nonce: string, index: number, nowMs: number): number | undefined {
    invariant(!this.#sessions.has(index), 'one session a log entry', { index });
    if (this.#sessions.size >= replicatedLimits.sessions) return undefined;
    this.#add({ id: index, nonce, last: 0, ackedBelow: 1, contactMs: nowMs, outcomes: new KeptOutcomes() });
    return index;
  }

  /** Says where a command stands; whatever it says, the session has been heard of. */
  place(id: number, sequence: number, ackedBelow: number, nowMs: number): Place {
    const session = this.#sessions.get(id);
    if (session === undefined) return 'no-session';
    this.#heard(session, ackedBelow, nowMs);
    if (sequence <= session.last) return 'duplicate';
    return sequence === session.last + 1 ? 'next' : 'gap';
  }

  /** @returns false when there is no such session */
  touch(id: number, ackedBelow: number, nowMs: number): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#heard(session, ackedBelow, nowMs);
    return true;
  }

  /** Takes the next sequence of a session with its outcome, in the form that is kept. */
  advance(id: number, outcome: CommandOutcome): void {
    const session = this.#sessions.get(id);
    invariant(session !== undefined, 'a command applies in a live session', { session: id });
    session.last++;
    session.outcomes.push(outcome);
  }

  /** Ends a session that had no contact for the TTL. @returns whether it ended */
  end(id: number, nowMs: number): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || !expired(session, nowMs)) return false;
    this.#sessions.delete(id);
    this.#byNonce.delete(session.nonce);
    return true;
  }

  /** The first `max` sessions that may be ended at this log time. */
  expired(nowMs: number, max: number): readonly number[] {
    const ids: number[] = [];
    for (const session of this.#sessions.values()) {
      if (ids.length >= max) break;
      if (expired(session, nowMs)) ids.push(session.id);
    }
    return ids;
  }

  #heard(session: Session, ackedBelow: number, nowMs: number): void {
    session.contactMs = nowMs;
    if (ackedBelow <= session.ackedBelow) return;
    // An acknowledgement of what was never applied is no reason to forget what comes.
    session.ackedBelow = Math.min(ackedBelow, session.last + 1);
    session.outcomes.trim(session.last + 1 - session.ackedBelow);
  }

  #add(session: Session): void {
    this.#sessions.set(session.id, session);
    this.#byNonce.set(session.nonce, session);
  }
}

function expired(session: Session, nowMs: number): boolean {
  return nowMs - session.contactMs >= replicatedLimits.sessionTtlMs;
}

function readSession(from: ByteReader): Session {
  const session = {
    id: from.uint(),
    nonce: from.text(nonceLength),
    last: from.uint(),
    ackedBelow: from.uint(),
    contactMs: from.f64(),
    outcomes: new KeptOutcomes(),
  };
  if (session.nonce.length !== nonceLength) throw corrupt('a nonce is too short');
  if (!Number.isFinite(session.contactMs)) throw corrupt(`log time ${session.contactMs}`);
  const count = from.uint(replicatedLimits.openOperations);
  for (let more = count; more > 0; more--) session.outcomes.push(readOutcome(from));
  if (session.outcomes.count !== count) throw corrupt('a session keeps more than it may');
  return session;
}
