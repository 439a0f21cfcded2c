import { invariant } from '@coterie/errors';
import type { Random } from '@coterie/raft';
import { nonceLength } from '../command/command.js';
import { encodeOpenSession } from '../command/encode.js';

/**
 * The opening of a session, from the first try until the log has answered.
 *
 * The nonce is drawn anew for each session and stays the same over all tries, so that a try which only seemed lost
 * opens no second one.
 */
export class SessionOpening {
  readonly #random: Random;
  #nonce: string | undefined;
  #command: Uint8Array | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Undefined when no session is being opened. */
  get nonce(): string | undefined {
    return this.#nonce;
  }

  begin(): Uint8Array {
    let nonce = '';
    for (let at = 0; at < nonceLength; at++) nonce += String.fromCharCode(this.#random.nextInt(256));
    this.#nonce = nonce;
    this.#command = encodeOpenSession(nonce);
    return this.#command;
  }

  again(): Uint8Array {
    invariant(this.#command !== undefined, 'a session is being opened');
    return this.#command;
  }

  done(): void {
    this.#nonce = undefined;
    this.#command = undefined;
  }
}
