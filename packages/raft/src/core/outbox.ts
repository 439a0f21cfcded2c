import type { Message, NodeId, SnapshotMeta } from './messages.js';
import type { HardState, ReadState, Ready, Role } from './ready.js';

/** Effects that wait to be drained, and what was told last, to tell differences only. */
export class Outbox {
  send: Message[] = [];
  after: Message[] = [];
  reads: ReadState[] = [];
  snapshotsTo: NodeId[] = [];
  /** The newest position given to heartbeats since the last drain; 0 for none. */
  position = 0;
  /** A received snapshot whose mark the storage has not been given yet. */
  snapshot: SnapshotMeta | undefined;
  /** Snapshot marks that are not durable yet, the one above included. Until then nothing behind them is applied. */
  private undurableSnapshots = 0;

  toldHardState: HardState;
  toldSoft: NonNullable<Ready['soft']>;

  constructor(hardState: HardState) {
    this.toldHardState = hardState;
    this.toldSoft = { leader: 0, role: 'follower' satisfies Role, term: hardState.term };
  }

  get snapshotPending(): boolean {
    return this.undurableSnapshots > 0;
  }

  stageSnapshot(meta: SnapshotMeta): void {
    // A newer one takes the place of one that was not even given to the storage.
    if (this.snapshot === undefined) this.undurableSnapshots++;
    this.snapshot = meta;
  }

  snapshotDurable(): void {
    this.undurableSnapshots--;
  }
}
