import { invariant } from '@coterie/errors';
import type { Index, Message, NodeId, SnapshotMeta, Term } from './messages.js';

/** A batch that the storage has been given and has not finished yet. */
export interface OutstandingBatch {
  readonly seq: number;
  /** Entries of it that are still in the log in the form in which it writes them; none when first > last. */
  readonly first: Index;
  last: Index;
  readonly term: Term;
  readonly vote: NodeId;
  readonly mustSync: boolean;
  /** The snapshot whose mark is in it. */
  readonly snapshot: SnapshotMeta | undefined;
  /** What may be said once it is durable. */
  readonly after: Message[];
}

/**
 * What the own disk holds, in the form in which the log holds it now.
 *
 * The storage finishes batches in order, so a finished batch vouches for its entries unless a later write overwrote
 * them. That is why a truncation lowers the marker *and* cuts the batches still on their way. Without the second half
 * (the ABA case of asynchronous appends, etcd's rawnode.go):
 *
 * ```
 *   batch 1 writes 12@term 1      leader of term 1
 *   batch 2 writes 12@term 2      leader of term 2 overwrites it
 *   batch 3 writes 12@term 1      leader of term 3 brings the first form back
 *   batch 1 finishes              12@term 1 looks durable, yet after batch 2 the disk holds 12@term 2
 * ```
 *
 * An acknowledgement of entry 12 after batch 1 could be lost by a crash after batch 2.
 */
export class Durability {
  /** Everything up to here is durable in its present form. */
  index: Index;
  /** Term and vote that are durable. */
  term: Term;
  vote: NodeId;
  private readonly outstanding: OutstandingBatch[] = [];
  private head = 0;
  private issued = 0;

  constructor(index: Index, term: Term, vote: NodeId) {
    this.index = index;
    this.term = term;
    this.vote = vote;
  }

  nextSeq(): number {
    return ++this.issued;
  }

  push(batch: OutstandingBatch): void {
    this.outstanding.push(batch);
  }

  last(): OutstandingBatch | undefined {
    return this.outstanding[this.outstanding.length - 1];
  }

  /** The last batch on its way that ends in a sync: what must wait for the disk waits for it. */
  lastSync(): OutstandingBatch | undefined {
    for (let i = this.outstanding.length - 1; i >= this.head; i--) {
      const batch = this.outstanding[i] as OutstandingBatch;
      if (batch.mustSync) return batch;
    }
    return undefined;
  }

  /**
   * Entries from `first` on are about to be replaced: neither disk nor batches on their way vouch for them any longer.
   */
  truncated(first: Index): void {
    if (this.index >= first) this.index = first - 1;
    for (let i = this.head; i < this.outstanding.length; i++) {
      const batch = this.outstanding[i] as OutstandingBatch;
      if (batch.last >= first) batch.last = first - 1;
    }
  }

  /** A snapshot takes the place of the whole log: nothing before its mark vouches for anything. */
  replaced(): void {
    this.truncated(0);
    this.index = 0;
  }

  /** Takes out the oldest batch if it is at or before `seq`. */
  finish(seq: number): OutstandingBatch | undefined {
    invariant(seq <= this.issued, 'only batches that were handed out become durable', { seq, issued: this.issued });
    const batch = this.outstanding[this.head];
    if (batch === undefined || batch.seq > seq) return undefined;
    this.head++;
    if (this.head === this.outstanding.length) {
      this.outstanding.length = 0;
      this.head = 0;
    }
    this.term = batch.term;
    this.vote = batch.vote;
    if (batch.snapshot !== undefined) this.index = batch.snapshot.index;
    if (batch.last >= batch.first) {
      invariant(batch.first <= this.index + 1, 'batches become durable without gaps', {
        first: batch.first,
        at: this.index,
      });
      this.index = Math.max(this.index, batch.last);
    }
    return batch;
  }
}
