import { keptForm } from '../command/kept-form.js';
import type { WriteRequest } from '../command/operation.js';
import type { CommandOutcome } from '../command/refusal.js';
import { replicatedLimits } from '../limits.js';
import type { SessionListener } from '../session/replica.js';
import type { RevisionEvents } from '../store/types.js';
import { execute } from '../txn/executor.js';
import { readsRanges } from '../txn/wants.js';
import type { EntryCommand } from './entry-commands.js';
import type { EntryEffects, ReplicatedState } from './replicated-state.js';

/** Mixed into the chain before what a command did, so that equal numbers of different meaning do not look alike. */
const mark = { opened: 1, applied: 2, ended: 3, unreadable: 4 } as const;

type Sequenced = Extract<EntryCommand, { readonly sequence: number }>;

/** The commands of one entry as they are applied, one after the other. */
export class EntryApply implements EntryEffects {
  readonly changes: RevisionEvents[] = [];
  readonly sessionEvents: ((listener: SessionListener) => void)[] = [];
  compactRevision: number | undefined;
  readonly #state: ReplicatedState;
  readonly #index: number;
  #opened = false;
  #deletes = 0;

  constructor(state: ReplicatedState, index: number) {
    this.#state = state;
    this.#index = index;
  }

  command(command: EntryCommand): void {
    switch (command?.kind) {
      case 'write':
      case 'skip':
      case 'unreadable':
        this.#sequenced(command);
        return;
      case 'openSession':
        this.#open(command.nonce);
        return;
      case 'touch':
        this.#touch(command.session, command.ackedBelow);
        return;
      case 'endSession':
        this.#endSession(command.session);
        return;
      case undefined:
        this.#state.chain.mix(mark.unreadable);
        return;
    }
  }

  #sequenced(command: Sequenced): void {
    const { session, sequence, ackedBelow } = command;
    const { sessions, logTimeMs } = this.#state;
    switch (sessions.place(session, sequence, ackedBelow, logTimeMs)) {
      case 'next':
        this.#next(command);
        return;
      case 'duplicate': {
        const outcome = sessions.outcome(session, sequence);
        this.sessionEvents.push((listener) => {
          listener.settled(session, sequence, outcome);
        });
        return;
      }
      case 'gap':
        this.#refuseForNow(session, sessions.lastSequence(session) + 1);
        return;
      case 'no-session':
        this.#tellEnded(session);
        return;
    }
  }

  #next(command: Sequenced): void {
    const { session, sequence } = command;
    // What an entry deletes is bounded, so that what its later commands read can be loaded before it is applied.
    if (this.#deletes > replicatedLimits.deletesPerEntry && command.kind === 'write' && readsRanges(command.request)) {
      this.#refuseForNow(session, sequence);
      return;
    }
    const outcome = this.#outcome(command);
    const { sessions, chain } = this.#state;
    sessions.advance(session, keptForm(outcome));
    chain.mix(mark.applied);
    chain.mixNumber(session);
    chain.mixNumber(sequence);
    this.sessionEvents.push((listener) => {
      listener.settled(session, sequence, outcome);
    });
  }

  #outcome(command: Sequenced): CommandOutcome {
    switch (command.kind) {
      case 'write':
        return this.#execute(command.request);
      case 'skip':
        return { kind: 'refused', code: 'ERR_ABORTED' };
      case 'unreadable':
        return { kind: 'refused', code: 'ERR_CORRUPT' };
    }
  }

  #execute(request: WriteRequest): CommandOutcome {
    const { outcome, change, compact } = execute(request, this.#state);
    if (change !== undefined) {
      this.#state.commit(change);
      this.changes.push(change);
      for (const { after } of change.events) if (after === undefined) this.#deletes++;
    }
    if (compact !== undefined) {
      this.#state.compact(compact);
      this.compactRevision = compact;
    }
    return outcome;
  }

  /** The proposer sends again from this sequence on. */
  #refuseForNow(session: number, expected: number): void {
    this.sessionEvents.push((listener) => {
      listener.gap(session, expected);
    });
  }

  #open(nonce: string): void {
    const { sessions, logTimeMs, chain } = this.#state;
    let session = sessions.find(nonce);
    if (session !== undefined) {
      sessions.touch(session, 0, logTimeMs);
    } else if (!this.#opened) {
      // The id is the index of the entry: one open an entry, a second one asks again.
      session = sessions.open(nonce, this.#index, logTimeMs);
      this.#opened = session !== undefined;
      if (session !== undefined) chain.mix(mark.opened);
    }
    this.sessionEvents.push((listener) => {
      listener.opened(nonce, session);
    });
  }

  #touch(session: number, ackedBelow: number): void {
    if (!this.#state.sessions.touch(session, ackedBelow, this.#state.logTimeMs)) this.#tellEnded(session);
  }

  #endSession(session: number): void {
    const { sessions, logTimeMs, chain } = this.#state;
    if (!sessions.end(session, logTimeMs)) return;
    chain.mix(mark.ended);
    chain.mixNumber(session);
    this.#tellEnded(session);
  }

  #tellEnded(session: number): void {
    this.sessionEvents.push((listener) => {
      listener.ended(session);
    });
  }
}
