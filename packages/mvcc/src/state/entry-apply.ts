import { keptForm } from '../command/kept-form.js';
import type { LeaseHandle, WriteRequest } from '../command/operation.js';
import { isSetting } from '../command/request-codec.js';
import type { CommandOutcome } from '../command/refusal.js';
import { featureLevels, levelOf } from '../features.js';
import { replicatedLimits } from '../limits.js';
import type { SessionListener } from '../session/replica.js';
import type { RevisionEvents } from '../store/types.js';
import type { LeaseChange } from '../txn/execution.js';
import { execute } from '../txn/executor.js';
import { endOfLease } from '../txn/lease-commands.js';
import { readsRanges } from '../txn/wants.js';
import { applySetting } from './apply-setting.js';
import type { EntryCommand } from './entry-commands.js';
import type { EntryEffects, ReplicatedState } from './replicated-state.js';

/** Mixed into the chain before what a command did, so that equal numbers of different meaning do not look alike. */
const mark = {
  ...{ opened: 1, applied: 2, ended: 3, unreadable: 4, granted: 5, renewed: 6, leaseEnded: 7, setting: 8 },
} as const;

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
  /** Of these, those with leases: which keys they are is not known before. */
  #leaseDeletes = 0;

  constructor(state: ReplicatedState, index: number) {
    this.#state = state;
    this.#index = index;
  }

  command(command: EntryCommand): void {
    switch (command?.kind) {
      case 'write':
      case 'skip':
      case 'unreadable':
        this.#sequenced(this.#asReadable(command));
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
      case 'expireLeases':
        for (const lease of command.leases) this.#expire(lease);
        return;
      case undefined:
        this.#state.chain.mix(mark.unreadable);
        return;
    }
  }

  /** What a later level will mean is, on a build that knows it already, what it is on one that does not: unreadable. */
  #asReadable(command: Sequenced): Sequenced {
    if (command.kind !== 'write' || levelOf(command.request) <= this.#state.featureLevel) return command;
    const { session, sequence, ackedBelow } = command;
    return { kind: 'unreadable', session, sequence, ackedBelow };
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
        this.#refuseForNow(session, sessions.lastSequence(session) + 1, sequence);
        return;
      case 'no-session':
        this.#tellEnded(session);
        return;
    }
  }

  #next(command: Sequenced): void {
    const { session, sequence } = command;
    // What an entry deletes is bounded, so that what its later commands read can be loaded before it is applied.
    if (this.#deletedTooMany && command.kind === 'write' && readsRanges(command.request)) {
      this.#refuseForNow(session, sequence, sequence);
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

  get #deletedTooMany(): boolean {
    return (
      this.#deletes > replicatedLimits.deletesPerEntry || this.#leaseDeletes > replicatedLimits.leaseDeletesPerEntry
    );
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
    const state = this.#state;
    if (isSetting(request)) {
      state.chain.mix(mark.setting);
      return applySetting(request, state);
    }
    const { outcome, change, compact, leases } = execute(request, state);
    const growth = change === undefined ? undefined : state.quotas.measure(change);
    // Whoever asked may have known less than apply does, so apply has the last word, and nothing of it is applied.
    const exceeded = growth !== undefined && this.#quotasCount ? state.quotas.exceeded(growth) : undefined;
    if (exceeded !== undefined) return { kind: 'refused', code: 'ERR_NO_SPACE', limit: exceeded.bytes };
    for (const lease of leases ?? []) this.#begin(lease);
    if (change !== undefined) this.#commit(change, growth);
    for (const lease of leases ?? []) if (lease.kind === 'end') this.#end(lease.id);
    if (compact !== undefined) {
      state.compact(compact);
      this.compactRevision = compact;
    }
    return outcome;
  }

  get #quotasCount(): boolean {
    return this.#state.featureLevel >= featureLevels.quotas;
  }

  #commit(change: RevisionEvents, growth = this.#state.quotas.measure(change)): void {
    this.#state.commit(change, growth);
    this.changes.push(change);
    for (const { after, reason } of change.events) {
      if (after !== undefined) continue;
      if (reason === undefined) this.#deletes++;
      else this.#leaseDeletes++;
    }
  }

  // ------------------------------------------------------------------------------------------------------------ leases

  /** What a command does to leases before its changes, which may need them. */
  #begin(lease: LeaseChange): void {
    const { leases, chain, logTimeMs } = this.#state;
    if (lease.kind === 'grant') {
      const { id, generation, ttlMs } = lease.grant;
      leases.grant(lease.grant, logTimeMs);
      chain.mix(mark.granted);
      for (const number of [id, generation, ttlMs, Math.floor(logTimeMs)]) chain.mixNumber(number);
    } else if (lease.kind === 'renew') {
      chain.mix(mark.renewed);
      chain.mixNumber(Math.floor(logTimeMs));
      for (const id of lease.ids) {
        leases.renew(id, logTimeMs);
        chain.mixNumber(id);
      }
    }
  }

  #end(id: number): void {
    this.#state.leases.end(id);
    this.#state.chain.mix(mark.leaseEnded);
    this.#state.chain.mixNumber(id);
  }

  /**
   * A leader has found the time of a lease over. Whether it is, only the state can say: a leader that was away proposes
   * by what it knew then (etcd issues #12528, #15247). What one entry may not delete any more is proposed again.
   */
  #expire(lease: LeaseHandle): void {
    const { leases, logTimeMs } = this.#state;
    if (this.#leaseDeletes > replicatedLimits.leaseDeletesPerEntry || !leases.due(lease, logTimeMs)) return;
    const change = endOfLease(this.#state, lease.id, 'expired');
    if (change !== undefined) this.#commit(change);
    this.#end(lease.id);
  }

  /** The proposer sends again from this sequence on. */
  #refuseForNow(session: number, expected: number, refused: number): void {
    this.sessionEvents.push((listener) => {
      listener.gap(session, expected, refused);
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
