import type { MvccStateMachine } from '@coterie/mvcc';
import type { Clock, NodeId, Transport } from '@coterie/raft';
import type { ControlMessage } from '../membership/control-message.js';
import type { Member } from '../membership/member-record.js';

/** What the leader's side of a rebuild needs of its member. */
export interface GiverHost {
  readonly machine: Pick<MvccStateMachine, 'openSnapshot' | 'checkpointSoon' | 'checkpointIndex'>;
  readonly transport: Pick<Transport, 'sendSnapshot'>;
  readonly clock: Clock;
  readonly transferMs: number;
  /** It leads, or knows nobody who does, and nothing speaks against its own state. */
  mayGive(): boolean;
  members(): readonly Member[];
}

/**
 * The giving side of a rebuild: it sends its last checkpoint to a member that has lost its state.
 *
 * Beside raft, because for raft that member needs nothing: its log is where it was. Where there is a leader only that
 * one gives: its checkpoint reaches far enough, or soon will. Where there is none the vote of the one that asks may be
 * what a leader lacks (of three members one has lost its disk, one rebuilds), and everybody may give: every checkpoint
 * holds committed entries only. One at a time: a second one asks again.
 */
export class SnapshotGiver {
  readonly #host: GiverHost;
  #giving: { readonly abort: AbortController; readonly startedMs: number } | undefined;

  constructor(host: GiverHost) {
    this.#host = host;
  }

  onRebuild(message: ControlMessage & { type: 'rebuild' }): void {
    if (this.#giving !== undefined || !this.#host.mayGive()) return;
    const { memberId, name, incarnation, minIndex } = message;
    const known = this.#host.members().find(({ id }) => id === memberId);
    if (known?.name !== name || known.incarnation !== incarnation) return;
    this.#giving = { abort: new AbortController(), startedMs: this.#host.clock.now() };
    void this.#give(memberId, minIndex, this.#giving.abort.signal).finally(() => (this.#giving = undefined));
  }

  /** Ends a transfer that takes too long: what was received is kept there, and the next one goes on with it. */
  sweep(): void {
    if (this.#giving === undefined) return;
    if (this.#host.clock.now() - this.#giving.startedMs > this.#host.transferMs) this.#giving.abort.abort();
  }

  close(): void {
    this.#giving?.abort.abort();
  }

  /** Every failure is one thing: nothing came, and the member asks again. */
  async #give(to: NodeId, minIndex: number, signal: AbortSignal): Promise<void> {
    const { machine, transport } = this.#host;
    try {
      // Checkpoints of members do not stand at equal places: the log there may begin behind ours, and must not be cut.
      // And a young member has none at all, which is nothing to send either. The next question finds a new one.
      if (machine.checkpointIndex < Math.max(1, minIndex)) {
        machine.checkpointSoon();
        return;
      }
      const { meta, source } = await machine.openSnapshot();
      try {
        if (!signal.aborted) await transport.sendSnapshot(to, meta, source, { signal });
      } finally {
        await source.close();
      }
    } catch {
      // A store that cannot be read has told its own member.
    }
  }
}
