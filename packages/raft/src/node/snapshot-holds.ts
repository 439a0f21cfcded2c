import type { RaftCore } from '../core/core.js';
import type { Index, NodeId } from '../core/messages.js';
import type { Clock } from '../ports/clock.js';

interface Hold {
  /** The snapshot's index; 0 while it is being made. */
  from: Index;
  /** When the transfer ended well; until then the transfer's own deadline bounds the hold. */
  sentMs: number | undefined;
}

/**
 * Keeps the log for members that are being sent a snapshot, until each has *passed* what would be let go: the end of
 * the transfer alone is not enough, because everything that was written meanwhile still has to reach the member, and
 * without it the member would need the next snapshot, and so on for ever (hashicorp/raft 1.3.0, consul issue 9609).
 *
 * A hold moves on with the member and ends with it: when it has passed, when its transfer failed, when it is no member
 * any more, when we lead no longer, or after its time.
 */
export class SnapshotHolds {
  readonly #core: RaftCore;
  readonly #clock: Clock;
  readonly #passMs: number;
  readonly #holds = new Map<NodeId, Hold>();

  /** @param passMs how long after the end of its transfer a member may take to pass */
  constructor(core: RaftCore, clock: Clock, passMs: number) {
    this.#core = core;
    this.#clock = clock;
    this.#passMs = passMs;
  }

  begun(to: NodeId): void {
    this.#holds.set(to, { from: 0, sentMs: undefined });
  }

  opened(to: NodeId, index: Index): void {
    const hold = this.#holds.get(to);
    if (hold !== undefined) hold.from = index;
  }

  ended(to: NodeId, ok: boolean): void {
    const hold = this.#holds.get(to);
    if (ok && hold !== undefined) hold.sentMs = this.#clock.now();
    else this.#holds.delete(to);
  }

  /** How far the log may go, `through` at most. Forgets the holds that have ended. */
  limit(through: Index): Index {
    let limit = through;
    for (const [to, hold] of this.#holds) {
      const reached = Math.max(hold.from, this.#core.matchOf(to) ?? 0);
      if (this.#over(to, hold) || (hold.sentMs !== undefined && reached >= through)) this.#holds.delete(to);
      else limit = Math.min(limit, reached);
    }
    return limit;
  }

  clear(): void {
    this.#holds.clear();
  }

  #over(to: NodeId, hold: Hold): boolean {
    // A transfer that we began as a leader may go on for a while after that; nothing of ours waits for it.
    if (!this.#core.isLeader || this.#core.matchOf(to) === undefined) return true;
    return hold.sentMs !== undefined && this.#clock.now() - hold.sentMs > this.#passMs;
  }
}
