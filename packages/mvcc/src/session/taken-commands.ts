import type { CommandFilter } from '@coterie/raft';
import { getU48 } from '../command/byte-reader.js';
import { commandFormat, commandTag, sequencedHeadBytes } from '../command/command.js';
import { replicatedLimits } from '../limits.js';
import type { SessionListener } from './replica.js';

/** Sequences of a session that a leader took one behind the other. */
interface Run {
  readonly first: number;
  last: number;
}

/**
 * What a leader has taken of each session, so that it passes over what is sent again.
 *
 * A session's commands apply in sequence, so it is safe to pass over one only when those before it are here as well, or
 * were applied: what is remembered is the latest unbroken run. If its first command applies, so do the others; if there
 * is a gap before it, apply refuses all of them, the run is forgotten, and they are taken when they come again. The
 * same when apply puts a command off. So as long as a run is remembered, what of it was not applied will be, in turn.
 */
export class TakenCommands implements CommandFilter, SessionListener {
  readonly #runs = new Map<number, Run>();

  take(command: Uint8Array): boolean {
    if (!isSequenced(command)) return true;
    const session = getU48(command, 2);
    const sequence = getU48(command, 8);
    const run = this.#runs.get(session);
    if (run === undefined || sequence < run.first || sequence > run.last + 1) {
      this.#begin(session, sequence);
      return true;
    }
    if (sequence <= run.last) return false;
    run.last = sequence;
    return true;
  }

  forget(): void {
    this.#runs.clear();
  }

  /**
   * A command of the run that is next was taken, and comes: what apply refused is an earlier copy, of a run with a gap
   * before it or of an earlier term. Each frame that is lost brings up to a thousand of those, in as many entries, and
   * what was sent again for the first of them must not be taken once more for every other one.
   */
  gap(session: number, expected: number, refused: number): void {
    const run = this.#runs.get(session);
    if (run === undefined) return;
    const comes = refused !== expected && run.first <= expected && expected <= run.last;
    if (!comes) this.#runs.delete(session);
  }

  opened(_nonce: string, session: number | undefined): void {
    // What came for it before it was open can only have been made up.
    if (session !== undefined) this.#runs.delete(session);
  }

  ended(session: number): void {
    this.#runs.delete(session);
  }

  settled(): void {}

  rebound(): void {}

  #begin(session: number, sequence: number): void {
    // No more sessions live than that; what remains of others is of no use, and to forget too much does no harm.
    if (this.#runs.size >= replicatedLimits.sessions && !this.#runs.has(session)) this.forget();
    this.#runs.set(session, { first: sequence, last: sequence });
  }
}

/**
 * Whether apply will give a command its place in its session, or say why not. Of a write it does whatever follows upon
 * the head; a skip that goes on behind it is no command, and nobody hears of it.
 */
function isSequenced(command: Uint8Array): boolean {
  if (command[0] !== commandFormat) return false;
  if (command[1] === commandTag.skip) return command.length === sequencedHeadBytes;
  return command[1] === commandTag.write && command.length >= sequencedHeadBytes;
}
