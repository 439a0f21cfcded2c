import type { CommittedEntry } from '@coterie/raft';
import { encodeOpenSession, encodeWrite } from '../../src/command/encode.js';
import type { WriteRequest } from '../../src/command/operation.js';

/** Writes a log as one well-behaved proposer would have it: one session, sequences without a gap. */
export class LogWriter {
  readonly log: CommittedEntry[] = [];
  stampMs = 1_000;
  #sequence = 0;

  constructor() {
    this.append([encodeOpenSession('0123456789abcdef')]);
  }

  get session(): number {
    return 1;
  }

  get sequence(): number {
    return this.#sequence;
  }

  append(commands: readonly Uint8Array[]): CommittedEntry {
    const entry = { index: this.log.length + 1, term: 1, stampMs: this.stampMs, wallMs: 0, commands };
    this.log.push(entry);
    return entry;
  }

  /** One entry with these writes. */
  write(...requests: readonly WriteRequest[]): CommittedEntry {
    return this.append(requests.map((request) => encodeWrite(this.session, ++this.#sequence, this.#sequence, request)));
  }
}
